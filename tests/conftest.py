from hypothesis import settings

# How long an example takes says something of the machine, not of the law.
settings.register_profile("evpl", parent=settings(), deadline=None)
settings.load_profile("evpl")
