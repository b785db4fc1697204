"""What an on-call types, and what the real tools would print, read from world and traffic."""
