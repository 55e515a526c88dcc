"""Scripted surfaces and noise on which searches are compared without training."""
