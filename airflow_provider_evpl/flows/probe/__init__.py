"""A read-only probe of the live API: a few careful requests, and which settings fit."""
