"""Settings of all tests."""

from hypothesis import settings

# A busy machine fails no test: how long an example takes says nothing about its truth.
settings.register_profile("course", deadline=None)
settings.load_profile("course")
