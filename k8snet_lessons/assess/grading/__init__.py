"""Grading of other people's notebooks."""
