"""Runs a sweep from its configuration to its champion: the one place where the rooms meet.

Begin with `loop.run`, and with `results` for notebooks.
"""
