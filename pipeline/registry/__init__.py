"""Whether a champion replaces the model in production, and the step that does it."""
