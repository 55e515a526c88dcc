"""The loop of a sweep and its end: the one place where the rooms meet."""
