"""What a sweep will take: before it starts, and while it runs.

Predicts only: no number of a fit and no stack plan depends on anything in here.
"""
