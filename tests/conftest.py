"""Settings of all tests."""

import os

from hypothesis import settings

# The tests keep every core busy by themselves: more BLAS threads would wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A busy machine fails no test: how long an example takes says nothing about its truth. The same examples in every
# run, so that nobody's change is blamed for another's; `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")
