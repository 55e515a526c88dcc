"""Decides whether a champion replaces the model in production, and does it.

Hands out `registry.challenge`.
"""
