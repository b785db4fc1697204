"""What was measured or published: the numbers the models read, with their sources."""
