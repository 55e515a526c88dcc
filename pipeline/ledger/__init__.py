"""Everything that a sweep remembers, in MLflow: claim, write, resume, read.

Hands out a `Ledger` (`start.py`), and `read.read_sweep` for sweeps that have ended.
"""
