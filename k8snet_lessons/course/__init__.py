"""What is learned: the list of lessons, their anatomy, their questions."""
