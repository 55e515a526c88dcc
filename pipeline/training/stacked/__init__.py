"""Trains many fits of one depth as one compiled program, with the same results as `fit`."""
