"""Families, the planner, the engines that train a round, and diagnosis. Keras only here."""
