"""Trains fits: families of networks, the planner, two engines, diagnosis; Keras only here.

Hands out `families.family`, `planner.plan_stacks` and `engine.engine`.

Importing the room sets what frameworks read when they start; afterwards it would be too late.
"""

from __future__ import annotations

from pipeline.training.threads import prepare

prepare()
