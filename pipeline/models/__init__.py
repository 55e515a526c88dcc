"""The saved model: written, proven, found and served."""
