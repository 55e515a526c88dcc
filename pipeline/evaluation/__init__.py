"""Scores models at the end of a sweep: one pass over the test rows, baselines beside the networks.

Hands out `final.evaluate`, which returns `Verdicts`.
"""
