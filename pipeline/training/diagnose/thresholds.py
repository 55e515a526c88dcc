"""The thresholds of diagnosis, with their sources.

"Own runs" are the fits of tests/training/test_diagnose_planted.py: planted faults, and
healthy networks on the shipped data; a threshold marked so lies between the two groups.
"""

from __future__ import annotations

SAMPLE_ROWS = 512
"""Training rows that probes look at: enough for shares to 2 %."""

STUCK_WARNING = 0.5
"""Share of a layer's ReLU units at 0 for every row: up to 40 % die at a high rate without harm (CS231n,
"Commonly used activation functions"). Or of its saturated outputs: Glorot and Bengio (2010) show whole
layers of them."""
STUCK_SEVERE = 0.9
"""A layer that passes next to nothing on."""

SATURATION_MARGIN = 0.02
"""A tanh or sigmoid output this near to its limit (as a share of its range) has a slope below a
twelfth of its largest."""

VANISHING_WARNING = 1e-3
"""Gradient norm of the first kernel relative to the last hidden one; healthy networks of up to 4
layers stay within 0.1 to 10 (own runs)."""
VANISHING_SEVERE = 1e-5
EXPLODING = 1e3
"""The same ratio the other way."""

HARDLY_MOVED = 0.03
"""Distance of all kernels from their initial values over their norm. Healthy fits move by 0.2 and
more (own runs); at rate 1e-6 it is 0.01 and less."""

LOSS_JUMP = 2.0
"""Training loss of an epoch over the lowest before it. Mini-batch noise stays below 1.3 (own runs)."""
LOSS_BLOWN_UP = 3.0
"""Training loss of an epoch over that of an untrained network or a constant prediction, whichever
is larger; the first epoch of a healthy fit stays below 1 (own runs)."""

LEAP = 1.5
"""Validation loss of an epoch over the lowest before it; overfitting climbs more slowly."""
LEAP_ALONE = 3.0
"""The same, from which the learning rate is the cause whatever the scores of other rates."""
COMES_BACK = 1.2
"""Later validation loss over the same, below which it was a leap and no climb."""
LEAP_EPOCHS = 3
"""Epochs before, at and after a leap."""

LURCH = 1.15
"""Validation loss of an epoch over that before it, or before it over its own; healthy fits on the shipped
data stay below it but for single epochs (own runs)."""
LURCHES, LURCH_SHARE = 2, 0.15
"""Fewest rises, each with a fall in the next epoch, that are no accident, and as a share of the epochs; SGD
at rate 1 on the Titanic has 2 in 10 (own runs). Smaller leaps accuse no rate by themselves: on wages (134
validation rows) four of five capacities with such fits scored best at the rate that leapt (own runs)."""

CLEARLY = 2.0
"""Standard errors by which one mean over rows must lie from another to be called different."""

FAIR_SHARE = 0.05
"""Share of a constant prediction's loss whose gain counts even where few rows make it uncertain;
with shuffled targets the best of 15 epochs gains 2 % and less (own runs)."""

GAP_RATIO = 1.5
"""Validation loss over training loss at the best epoch."""
RISE_RATIO = 1.15
"""Last validation loss over the best one while the training loss fell."""

EASY_RATIO = 0.75
"""Validation loss over training loss below which validation rows are easier than training rows."""
EASY_CLEARLY = 4.0
"""Standard errors for it: squared errors have heavy tails and few rows mislead."""

STILL_FALLING = 0.01
"""Share of the objective gained over the last tenth of the epochs."""

FIRST_OF = 3
"""Epochs from which the first of them being the best means that training made it worse."""
AROUND = 3
"""Epochs looked at on either side of the one that is kept."""
LUCKY_SHARE, LUCKY_TIMES = 0.1, 2.0
"""A dip of the epoch kept below the median around it, as a share of that and in spans of it (largest less
smallest): of seven equal draws the best lies one span below the rest in one of 80, two in one of 600."""

TOO_GOOD = 1e-3
"""Validation loss over that of a constant prediction: real tables never get there."""
SAME_THING = 0.9999
"""Absolute correlation of one input with a target at which the two are one column."""

LARGE_INPUT = 100.0
"""Largest standard deviation or mean of an input: encoders scale to about 1."""

FEW_ROWS = 100
"""Validation rows below which "no better than a constant" is a warning only."""

WORTH_A_WORD = 0.1
"""Share of an untrained network's loss below which jumps of the training loss are noise around its end."""
STILL_HIGH = 0.1
"""Share of a constant prediction's loss from which "as high as in validation" means underfitting."""
LEVELLED = 0.98
"""Training loss of the last epoch over that of a fifth of the epochs before: it stopped falling."""
