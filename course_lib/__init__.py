"""Companion package of the course "Distributed Optimization for Machine Learning".

Importing it loads NumPy alone; each part is imported where it is used:

>>> from course_lib import data, problems
>>> from course_lib.clusters import SimulatedCluster
>>> from course_lib.methods import sync_sgd
>>> from course_lib.experiment import run
"""

__version__ = "0.1.0"
