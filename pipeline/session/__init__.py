"""Runs a sweep from its configuration to its champion: the one place where the rooms meet.

Hands out `loop.run`, and `results` for notebooks.
"""
