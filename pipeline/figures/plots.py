"""Every figure of a sweep by name, with its caption."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import plotly.graph_objects as go

from pipeline.data.csvfile import PROBABILITY
from pipeline.figures import baselines, capacity, curves, images, predictions, rates, sizes
from pipeline.figures.palette import Drawing
from pipeline.figures.tables import named
from pipeline.figures.trials import capacities
from pipeline.ledger.read import SweepRecord


class Plot(NamedTuple):
    """A kind of figure."""

    name: str
    """Short and stable: the anchor in the page and the key in `pipeline.session.results.figures`."""
    heading: str
    draw: Callable[[SweepRecord], Drawing]


class Drawn(NamedTuple):
    """A figure that has been drawn, with its caption."""

    name: str
    heading: str
    figure: go.Figure
    caption: str


CAPACITY: tuple[Plot, ...] = (
    Plot("capacity", "Capacity against loss", capacity.draw),
    Plot("curves", "Validation loss by epoch", curves.by_size),
    Plot("training", "Training against validation", curves.training),
    Plot("fitting", "Under- and over-fitting", sizes.fitting),
    Plot("pareto", "Loss against parameters", sizes.front),
    Plot("rates", "Learning rate against loss", rates.learning_rates),
    Plot("importance", "What mattered", rates.importances),
    Plot("baselines", "Beside simpler models", baselines.draw),
)
"""Figures of every sweep."""
REGRESSION = (Plot("predictions", "Predicted against true", predictions.scatter),)
CLASSIFICATION = (
    Plot("confusion", "Confusion matrix", predictions.confusion),
    Plot("calibration", "Calibration", predictions.calibration),
)
IMAGES = (Plot("images", "Wrong and right", images.draw),)
SIZES = frozenset({"capacity", "fitting", "pareto"})
"""Figures that compare sizes: the page leaves them out where one capacity was usable."""
EVERY = CAPACITY + REGRESSION + CLASSIFICATION + IMAGES
"""All figures there are."""


def draw(record: SweepRecord) -> dict[str, Drawn]:
    """Return every plot of a sweep that has something to show, drawn, by name."""
    alone = len(capacities(record)) <= 1
    drawn = {}
    for plot in plots(record):
        if alone and plot.name in SIZES:
            continue
        figure, caption = plot.draw(record)
        if figure.data:
            drawn[plot.name] = Drawn(plot.name, plot.heading, figure, caption)
    return drawn


def plots(record: SweepRecord) -> tuple[Plot, ...]:
    """Return the plots that this sweep has something for."""
    chosen = CAPACITY
    table = record.predictions
    if table is not None and len(table):
        chosen += CLASSIFICATION if named(table, PROBABILITY) else REGRESSION
    return chosen + IMAGES if len(images.kept(record)) else chosen
