"""No two statements about a sweep contradict each other, on whatever page they stand."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.config.choices import Prefer
from pipeline.core import language
from pipeline.evaluation.stand import CLEARLY, stands
from pipeline.figures import sections
from pipeline.figures.advice import next_command, remarks
from pipeline.figures.baselines import baseline_scores
from pipeline.figures.baselines import draw as beside_baselines
from pipeline.figures.findings import all_findings
from pipeline.figures.plots import EVERY
from pipeline.figures.predictions import calibration, miscalibration
from pipeline.figures.trials import done_fits, evidence, remembered, trials
from pipeline.figures.trialtable import trial_table
from pipeline.figures.verdict import answer, headline
from pipeline.models.modelcard import model_card, sweep_note
from pipeline.search.choose import Rule, choose
from tests.figures.conftest import axes, make_record, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.records import Trial
    from pipeline.ledger.read import SweepRecord

SWEEPS = 30
SIZES = ("linear", "1x32", "1x64", "2x64", "2x128", "3x64")

CLAIMS: dict[str, dict[str, str]] = {
    "signal": {
        "noise": r"no better than a constant prediction beyond noise|No network is better than a constant",
        "signal": r"worth having|the choice is clear|would probably help a little",
    },
    "baselines": {
        "champion": r"is worth having",
        "same": r"the best baseline, has [^;]*: no different beyond noise",
        "baseline": r"prefer it|may close the gap",
    },
    "over-fitting": {
        "yes": r"it over-fits|planted over-fitting",
        "no": r"not more than noise and size explain|nothing over-fits|healthy",
    },
    "larger networks": {"try": r"try (deeper|wider) networks", "no": r"planted over-fitting"},
    "who scores best": {
        "champion": r"It has the best score|: the best score, and nothing smaller|scores best too"
        r"|and has the best score|chosen: best score",
        "another": r"smallest network within|; the smallest within|chosen over the best|size decided"
        r"|which was not chosen|which it is behind by|chosen: smallest",
    },
    "how sure": {"clear": r"the choice is clear", "close": r"cannot be told apart"},
    "over": {"cut": r"before the search was (over|cut)", "done": r"the choice is clear"},
    "epochs": {"last": r"still improving in epoch", "first": r"best in their first epoch"},
    "test rows": {
        "flattered": r"flatters",
        "harder": r"rows are harder",
        "easier": r"rows are easier",
        "fair": r"validation loss, within noise",
    },
    "probabilities": {"off": r"do not read them as chances", "fine": r"well calibrated"},
    "edge": {"none": r"on no edge", "some": r"the most that were allowed|widest step within"},
    "network": {
        "none": r"needs no network|No hidden layer",
        "some": r"the network is worth having",
    },
}
"""Statements by what they are about; a sweep may make those of one value only."""


@functools.cache
def sweep(number: int) -> SweepRecord:
    """Return a made-up sweep whose champion is what the search's own rule chooses."""
    draw = np.random.default_rng(number)

    def one(*values: Any) -> Any:
        return values[draw.integers(len(values))]

    sizes = SIZES[: one(1, 2, 4, 6)]
    record = make_record(sizes, one(1, 2, 3, 6), one((), ("no", "yes"), ("a", "b", "c")), number)
    noise = one(0.0002, 0.01, 0.1)
    rows = one(13, 91, 2000)
    hard = draw.gamma(1, 0.4, rows)
    for place, run in zip(record.fits.index, record.fits["run_id"], strict=True):
        record.fits.loc[place, "best_val_loss"] += noise * draw.normal()
        spread = hard - hard.mean() + noise * draw.normal(size=rows)
        record.row_losses[run] = record.fits.loc[place, "best_val_loss"] + spread
    record.config |= {
        "search.prefer": one("smallest", "smallest", "best", "knee"),
        "search.one_se": one("1.0", "1.0", "2.0"),
        "search.space.layers_max": one("2", "3", "6"),
        "data.folds": one("None", "None", "5"),
        "data.weight": one("None", "counts"),
        "data.group": one("None", "person"),
        "training.epochs": one("100", "45"),
    }
    choose_champion(record)
    stand_beside(record, draw)
    plant(record, one("", "overfitting", "first-epoch", "dead-units", "last"))
    record.summary["status"] = one("finished", "finished", "budget")
    champion = record.summary["champion"]
    if record.predictions is not None and len(record.predictions):
        record.predictions = record.predictions.head(one(13, 30, 120))
        if "probability_no" in record.predictions:
            champion["test_metrics"] = {"accuracy": 0.9967, "base_rate": one(0.5, 0.99), "auc": 0.8}
    return record


def choose_champion(record: SweepRecord) -> None:
    """Let the search's own rule choose among what was measured, and say why."""
    rule = Rule(Prefer(record.config["search.prefer"]), float(record.config["search.one_se"]))
    known = evidence(record)
    choice = choose(list(known.values()), rule)
    assert choice is not None
    trial: Trial = choice.trial
    names = {id(found.trial): name for name, found in known.items()}
    capacity = trial.capacity.label
    layers, units = axes(capacity)
    own = record.fits[record.fits["trial"] == names[id(trial)]]
    record.summary["champion"] |= {
        "trial": names[id(trial)],
        "capacity": capacity,
        "layers": layers,
        "units": units,
        "networks": 1,
        "parameters": parameters(layers, units),
        "learning_rate": trial.learning_rate,
        "run_id": own["run_id"].iloc[0],
        "score": choice.shown,
        "score_se": choice.se,
        "val_loss": choice.shown,
        "val_loss_se": choice.se,
        "test_loss": choice.shown + 0.02,
        "reason": choice.reason,
    }
    record.decisions[-1] |= {"capacity": capacity, "reason": choice.reason}
    record.summary["decisions"] = record.decisions


def stand_beside(record: SweepRecord, draw: np.random.Generator) -> None:
    """Draw how the baselines stand, and how far losses rise from validation to test."""
    loss = record.summary["champion"]["test_loss"]
    scores = record.summary["baselines"]
    scores["single"]["test_loss"] = loss
    for name in ("constant", "linear", "gradient_boosting"):
        lag = draw.choice([-0.05, -0.01, 0.0, 0.01, 0.05, 0.3]) if name != "constant" else abs(
            draw.choice([0.0, 0.01, 0.3, 0.3])
        )  # fmt: skip
        scores[name] |= {"test_loss": loss + lag, "test_lag": lag, "test_lag_se": 0.012}
    gap = float(draw.choice([-0.3, 0.02, 0.3]))
    more = float(draw.choice([0.0, gap]))
    record.summary["optimism"] = gap
    record.summary["optimism_beside"] = {"linear": {"more": more, "more_se": 0.02}}


def plant(record: SweepRecord, code: str) -> None:
    """Let diagnosis find something in the champion's fits."""
    own = record.fits["trial"] == record.summary["champion"]["trial"]
    if code == "last":
        record.fits.loc[own, "best_epoch"] = int(record.config["training.epochs"]) - 1
    elif code:
        severity = "severe" if code == "dead-units" else "warning"
        finding = {"code": code, "severity": severity, "sentence": f"planted {code}"}
        record.fits["findings"] = [
            [finding] if is_own else before
            for is_own, before in zip(own, record.fits["findings"], strict=True)
        ]


def card(record: SweepRecord) -> str:
    """Return the model card of a made-up table."""
    rows = SimpleNamespace(__len__=lambda: 10)
    table: Any = SimpleNamespace(
        regression=True, target="y", name="t", columns=(), used=(), classes=None, outputs=1, digest="d",
        dropped=(), part=lambda _: range(10), rows=rows,
    )  # fmt: skip
    return model_card(table, record.summary)


def statements(record: SweepRecord) -> Iterator[tuple[str, str]]:
    """Yield where something is said of the sweep, and what."""
    yield "headline", headline(record)
    yield from zip(("use", "why", "how good"), answer(record), strict=True)
    for remark in remarks(record):
        yield f"remark {remark.topic}", remark.sentence
    for plot in EVERY:
        yield f"caption {plot.name}", plot.draw(record)[1]
    yield "ranking", sections.ranking(record)
    first = trials(record).set_index("trial").loc[record.summary["champion"]["trial"]]
    yield "first row", str(first["note"])
    yield "decision", str(record.decisions[-1]["reason"])
    yield "next", next_command(record)[1]
    yield "note", sweep_note(record.summary)
    yield "card", card(record)
    own = all_findings(record)
    own = own[own["trial"] == record.summary["champion"]["trial"]]
    for code in own["code"].unique():
        yield "diagnosis", "planted over-fitting" if code == "overfitting" else ""


@functools.cache
def said_of(number: int) -> list[tuple[str, str]]:
    """Return all that is said of a sweep."""
    with remembered():
        return list(statements(sweep(number)))


def claims(number: int) -> dict[str, dict[str, list[str]]]:
    """Return, by what it is about, each value that is claimed and where."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for place, said in said_of(number):
        for about, values in CLAIMS.items():
            for value, pattern in values.items():
                if re.search(pattern, said):
                    found[about][value].append(place)
    return found


@pytest.mark.parametrize("number", range(SWEEPS))
def test_no_two_statements_contradict_each_other(number: int) -> None:
    """Answer, remarks, captions, decisions, note and card of one sweep."""
    record = sweep(number)
    found = claims(number)
    for about, values in found.items():
        assert len(values) == 1, (about, dict(values))
    best, *_ = stands(record.summary)
    caption = beside_baselines(record)[1]
    assert ("The champion has the lowest loss" in caption) <= (not best.is_better)


@pytest.mark.parametrize("number", range(SWEEPS))
def test_what_is_said_is_so(number: int) -> None:
    """Against the numbers themselves: noise, accuracy, the loss of the test."""
    record = sweep(number)
    said = dict(said_of(number))
    everything = " ".join(text for _, text in said_of(number)).replace(language.GLUE, " ")
    baselines = record.summary["baselines"]
    lag, error = (baselines["constant"][f"test_lag{end}"] for end in ("", "_se"))
    noise = bool(lag <= CLEARLY * error)
    assert ("no better than a constant prediction" in said["how good"]) is noise
    assert said["use"].startswith("No network is better" if noise else "Use ")
    if "accuracy" in record.summary["champion"]["test_metrics"]:
        assert "accuracy 99.7 %" in everything
        assert "accuracy 100 %" not in everything
    loss = record.summary["champion"]["test_loss"]
    for place, pattern in (("how good", r"loss ([\d.]+)"), ("note", r"test loss ([\d.]+)")):
        value = re.search(pattern, said[place])
        assert value is not None
        assert float(value[1]) == pytest.approx(loss, abs=0.006)


@pytest.mark.parametrize("number", range(SWEEPS))
def test_words_and_pictures_count_the_same(number: int) -> None:
    """How far chances are off is what the drawn points are off; trials are those done and those cut."""
    record = sweep(number)
    if found := miscalibration(record):
        (points,) = [one for one in calibration(record)[0].data if one.customdata is not None]
        sizes = np.asarray(points.customdata)
        apart = np.abs(np.asarray(points.x) - np.asarray(points.y))
        assert found[0] == pytest.approx((apart * sizes).sum() / sizes.sum())
    first = record.fits["trial"].iloc[-1]
    record = replace(record, fits=record.fits.copy())
    record.fits.loc[record.fits["trial"] == first, "outcome"] = "cut"
    table = trial_table(record)
    assert table is not None
    counted = done_fits(record)["trial"].nunique()
    assert counted == len(table["rows"]) - sum(row["cut"] for row in table["rows"])


def test_a_baseline_that_had_no_time_is_said_where_it_is_drawn() -> None:
    """Above the figure, where there is room for it on a phone: its label was cut off."""
    record = deepcopy(sweep(0))
    record.summary["baselines"]["gradient_boosting"] |= {"iterations_share": 0.22, "test_loss": 9.0}
    assert "boosting had time for 22" in beside_baselines(record)[1]
    record.summary["baselines"]["gradient_boosting"]["test_loss"] = 0.0
    assert "had time" not in beside_baselines(record)[1]
    assert "gradient boosting" in set(baseline_scores(record)["model"])


def test_the_sweeps_differ_in_what_is_claimed_of_them() -> None:
    """Each kind of statement is made of some of them: a claim that nobody makes is not tested."""
    made = {
        (about, value)
        for number in range(SWEEPS)
        for about, values in claims(number).items()
        for value in values
    }
    known = {(about, value) for about, values in CLAIMS.items() for value in values}
    assert known - made <= {("probabilities", "fine"), ("probabilities", "off")}
