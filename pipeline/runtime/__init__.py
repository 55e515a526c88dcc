"""The process: command words, signals, budget, memory, notification."""
