"""Measurements: `python -m benchmarks.<name>`; tests assert behaviour, these measure."""
