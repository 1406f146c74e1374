"""`make bench`: compare this provider with common tools and with the limit of the machine."""
