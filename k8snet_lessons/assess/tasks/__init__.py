"""The tasks of each lesson: one module a lesson, named after its slug."""
