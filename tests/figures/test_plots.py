"""Every figure draws for every kind of sweep, and shows what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import pytest

from pipeline.figures import palette
from pipeline.figures.capacity import draw as capacity_against_loss
from pipeline.figures.capacity import path, ticks
from pipeline.figures.curves import by_size as curves_by_size
from pipeline.figures.plots import CAPACITY, CLASSIFICATION, IMAGES, REGRESSION, draw
from pipeline.figures.predictions import confusion as confusion_matrix
from pipeline.figures.predictions import miscalibration
from pipeline.figures.rates import SEED, importance, learning_rates
from pipeline.figures.tables import lowest, view
from pipeline.figures.trials import capacities
from tests.figures.conftest import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.figures.plots import Plot
    from pipeline.ledger.read import SweepRecord

ALL = [*CAPACITY, *REGRESSION, *CLASSIFICATION, *IMAGES]


@pytest.mark.parametrize("plot", ALL, ids=lambda plot: plot.name)
def test_every_figure_draws_or_says_why_not(plot: Plot, any_record: SweepRecord) -> None:
    """A figure has traces, or one sentence in their place; its caption is a sentence."""
    figure, caption = plot.draw(any_record)
    assert isinstance(figure, go.Figure)
    assert figure.data or figure.layout.annotations[0].text.endswith(".")
    assert figure.layout.title.text
    assert caption.endswith(".")
    assert figure.to_json()


@pytest.mark.parametrize("name", ["killed", "hopeless", "single", "unbegun"])
def test_broken_sweeps_show_less_never_an_empty_box(
    name: str, kind: Callable[[str], SweepRecord]
) -> None:
    """A figure without anything to show is left out of the page."""
    assert all(drawn.figure.data for drawn in draw(kind(name)).values())


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("whole", {"predictions"}),
        ("classes", {"confusion", "calibration"}),
        ("pictures", {"confusion", "calibration", "images"}),
    ],
)
def test_figures_follow_the_task(
    name: str, more: set[str], kind: Callable[[str], SweepRecord]
) -> None:
    """Regression, classes and images each add their own."""
    assert set(draw(kind(name))) == {plot.name for plot in CAPACITY} | more


def test_the_path_is_what_was_accepted(record: SweepRecord) -> None:
    """Better and smaller capacities, in order; rejected ones are not on it."""
    assert path(record) == ["linear", "1x32", "1x64", "2x64", "2x51"]


def test_the_band_is_the_paired_error_and_every_capacity_is_named(record: SweepRecord) -> None:
    """No legend: names stand at the points; the band reaches as far as noise does, at the best nowhere."""
    figure = capacity_against_loss(record)[0]
    names = [trace.name for trace in figure.data]
    assert "the search's path" in names
    assert figure.layout.showlegend is False
    (band,) = (trace for trace in figure.data if trace.name == "within one standard error")
    table = capacities(record)
    assert list(band.y) == list(table["gap_se"])
    assert (np.asarray(band.y) == 0).sum() == 1
    assert band.base == pytest.approx(table["score"].min())
    named = [note.text for note in figure.layout.annotations]
    assert "<b>2x51</b>, champion" in named
    assert "<b>2x64</b>, best score" in named
    assert len(named) == len(table)


def test_a_network_is_inside_its_bar_where_the_rule_says_so(
    make: Callable[..., SweepRecord],
) -> None:
    """Also where the best has more executions, and a mean on which nothing else was scored."""
    record = make(PATH, 6)
    best = lowest(capacities(record), "loss")["trial"]
    late = record.fits["execution"] >= 3
    record.fits.loc[late & (record.fits["trial"] == best), "best_val_loss"] += 0.1
    record = replace(record, fits=record.fits[~late | (record.fits["trial"] == best)].copy())
    table = capacities(record)
    apart = table["score"] - table["score"].min() - table["gap"]
    assert apart.abs().max() > 0.01
    drawn = capacity_against_loss(record)[0].data
    (band,) = (trace for trace in drawn if trace.name and "within" in trace.name)
    assert band.base == pytest.approx(table["score"].min())  # one line to read all bars from
    points = (trace for trace in drawn if trace.customdata is not None)
    height = dict(pair for trace in points for pair in zip(trace.x, trace.y, strict=True))
    is_inside = [height[place] <= band.base + band.y[place] + 1e-12 for place in range(len(table))]
    assert is_inside == list(table["gap"] <= table["gap_se"] + 1e-12)


@pytest.mark.parametrize(
    ("span", "step", "form"),
    [(0.05, 0.01, ",.2f"), (0.0057, 0.001, ",.3f"), (0.03, 0.005, ",.3f"), (25_000, 5000, ",.0f")],
)
def test_ticks_have_as_many_decimals_as_they_need(span: float, step: float, form: str) -> None:
    """0.470 and 0.465, not 0.47 and 0.465."""
    found = ticks(span)
    assert (found["dtick"], found["tickformat"]) == (pytest.approx(step), form)


def test_the_courses_picture_lays_three_sizes_over_each_other(record: SweepRecord) -> None:
    """Champion, one size smaller, one larger, by name."""
    named = {
        trace.name for trace in curves_by_size(record)[0].data if trace.showlegend is not False
    }
    assert named == {"champion 2x51", "smaller 2x41", "larger 2x64"}


def test_diverged_rates_are_marked(kind: Callable[[str], SweepRecord]) -> None:
    """Also when nothing else can be drawn."""
    names = [trace.name for trace in learning_rates(kind("hopeless"))[0].data]
    assert names == ["diverged"]


def test_importance_finds_what_matters(make: Callable[..., SweepRecord]) -> None:
    """On a surface ruled by size the size leads, and noise is small; shares are shares."""
    shares = importance(make())
    assert shares.between(0, 1).all()
    assert shares["layers"] > shares["learning rate"]
    assert shares[SEED] < 0.2


def test_importance_of_pure_noise_is_small(record: SweepRecord) -> None:
    """A hyperparameter that does nothing explains nothing, however many values it has."""
    generator = np.random.default_rng(3)
    record.fits["best_val_loss"] = generator.normal(1, 0.1, len(record.fits))
    shares = importance(record).drop(SEED)
    assert (shares < 0.25).all()


def test_confusion_counts_every_row(kind: Callable[[str], SweepRecord]) -> None:
    """The cells add up to the rows, also for a class that is never predicted."""
    found = kind("classes")
    assert found.predictions is not None
    found.predictions["prediction"] = "died"
    heat = confusion_matrix(found)[0].data[0]
    assert np.asarray(heat.text).sum() == len(found.predictions)
    assert heat.z.shape == (2, 2)


def test_honest_probabilities_are_calibrated(kind: Callable[[str], SweepRecord]) -> None:
    """Outcomes drawn from the stated probabilities lie near the diagonal; false ones do not."""
    found = kind("classes")
    honest, _ = miscalibration(found)
    assert found.predictions is not None
    found.predictions["probability_survived"] = 1 - found.predictions["probability_survived"]
    lying, _ = miscalibration(found)
    assert honest is not None
    assert lying is not None
    assert honest < 0.15 < lying


def test_names_from_the_data_are_text_in_plots(record: SweepRecord) -> None:
    """Plotly reads a small HTML of its own: a capacity's name must not be part of it."""
    bad = "<b>1x32</b><a href='https://x'>"
    record.fits["capacity"] = record.fits["capacity"].replace("1x32", bad)
    named = [note.text for note in capacity_against_loss(record)[0].layout.annotations]
    assert "&lt;b&gt;1x32&lt;/b&gt;&lt;a href='https://x'&gt;" in named
    hovers = " ".join(str(trace.hovertemplate) for trace in learning_rates(record)[0].data)
    assert "<a href" not in hovers


def test_a_hopeless_score_does_not_flatten_the_rest(record: SweepRecord) -> None:
    """The axis leaves out an outlier, and shows everything where there is none."""
    scores = trials_scores(record)
    assert view(scores, scores) is None or view(scores, scores)[1] < scores.max()
    scores.iloc[0] = 50.0
    limits = view(scores, scores)
    assert limits is not None
    assert limits[1] < 5


def trials_scores(record: SweepRecord):
    """Return scores without the linear model."""
    fits = record.fits[record.fits["capacity"] != "linear"]
    return fits["best_val_loss"].dropna().reset_index(drop=True)


def test_every_colour_has_a_dark_twin() -> None:
    """Nothing drawn in the light palette stays behind in the dark."""
    named = {palette.INK, palette.MUTED, palette.FAINT, palette.GRID, palette.PAPER, palette.BAD}
    named |= {palette.CHAMPION, palette.SMALLER, palette.LARGER, *palette.DEPTHS}
    assert named == set(palette.DARK)


def test_one_capacity_is_drawn_at_all_its_rates(make: Callable[..., SweepRecord]) -> None:
    """Where no size differs the learning rates do: also one that diverged has its curve."""
    found = make(("1x32",), 1)
    found.fits.loc[found.fits["learning_rate"] == 0.01, "outcome"] = "diverged"
    named = {trace.name for trace in curves_by_size(found)[0].data if trace.showlegend is not False}
    assert named == {"champion 1x32", "learning rate 0.001", "learning rate 0.01"}
