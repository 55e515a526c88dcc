"""Every figure of a sweep by name, with the words that stand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pipeline.figures import captions
from pipeline.figures.baselines import baselines
from pipeline.figures.capacity import capacity_against_loss
from pipeline.figures.curves import curves_by_size, train_against_validation
from pipeline.figures.images import has_images, sample_images
from pipeline.figures.predictions import (
    calibration,
    confusion_matrix,
    is_classification,
    predicted_against_true,
)
from pipeline.figures.rates import importances, learning_rates
from pipeline.figures.sizes import loss_against_parameters, under_and_over_fitting
from pipeline.figures.trials import capacities

if TYPE_CHECKING:
    from collections.abc import Callable

    import plotly.graph_objects as go

    from pipeline.ledger.read import SweepRecord


@dataclass(frozen=True)
class Plot:
    """A figure and what to see in it."""

    name: str
    """Short and stable: the anchor in the page and the key in `pipeline.session.results.figures`."""
    heading: str
    figure: Callable[[SweepRecord], go.Figure]
    caption: Callable[[SweepRecord], str]
    wide: bool = False
    """Whether it takes the full width of the page."""


class Drawn(NamedTuple):
    """A figure that has been drawn, with its words."""

    name: str
    heading: str
    figure: go.Figure
    caption: str
    wide: bool = False


CAPACITY: tuple[Plot, ...] = (
    Plot(
        "capacity",
        "Capacity against loss",
        capacity_against_loss,
        captions.capacity,
        wide=True,
    ),
    Plot("curves", "Validation loss by epoch", curves_by_size, captions.curves),
    Plot("training", "Training against validation", train_against_validation, captions.training),
    Plot("fitting", "Under- and over-fitting", under_and_over_fitting, captions.fitting),
    Plot("pareto", "Loss against parameters", loss_against_parameters, captions.pareto),
    Plot("rates", "Learning rate against loss", learning_rates, captions.rates),
    Plot("importance", "What mattered", importances, captions.importance),
    Plot("baselines", "Beside simpler models", baselines, captions.baselines),
)
"""Figures of every sweep."""

REGRESSION = (
    Plot("predictions", "Predicted against true", predicted_against_true, captions.predictions),
)
CLASSIFICATION = (
    Plot("confusion", "Confusion matrix", confusion_matrix, captions.confusion),
    Plot("calibration", "Calibration", calibration, captions.calibration),
)
IMAGES = (Plot("images", "Wrong and right", sample_images, captions.images, wide=True),)


SIZES = frozenset({"capacity", "fitting", "pareto"})
"""Figures that compare sizes: the page leaves them out where one capacity was usable."""
EVERY = CAPACITY + REGRESSION + CLASSIFICATION + IMAGES
"""All figures there are."""


def draw(record: SweepRecord) -> dict[str, Drawn]:
    """Return every plot of a sweep that has something to show, drawn, by name."""
    found = {}
    alone = len(capacities(record)) <= 1
    for plot in plots(record):
        if alone and plot.name in SIZES:
            continue
        figure = plot.figure(record)
        if figure.data:
            found[plot.name] = Drawn(
                plot.name, plot.heading, figure, plot.caption(record), plot.wide
            )
    return found


def plots(record: SweepRecord) -> tuple[Plot, ...]:
    """Return the plots that this sweep has something for."""
    found = CAPACITY
    if record.predictions is not None and len(record.predictions):
        found += CLASSIFICATION if is_classification(record) else REGRESSION
    return found + IMAGES if has_images(record) else found
