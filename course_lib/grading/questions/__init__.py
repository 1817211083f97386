"""The graded questions, one module a section; each has a list QUESTIONS."""
