class CourseError(ValueError):
    """A mistake in the use of the course's library, told in one line and in the words of the domain."""
