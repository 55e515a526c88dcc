"""What a person at the terminal sees while a sweep runs."""
