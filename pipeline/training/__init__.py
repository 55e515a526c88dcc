"""Families, the planner, the engines that train a round, and diagnosis. Keras only here.

Importing the room sets what frameworks read when they start; afterwards it would be too late.
"""

from __future__ import annotations

from pipeline.training.threads import prepare

prepare()
