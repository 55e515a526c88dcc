"""Everything that a sweep remembers, in MLflow: claim, write, resume, read.

Hands out a `Ledger` (`ledger.open_ledger`), and `read.read_sweep` for sweeps that have ended.
"""
