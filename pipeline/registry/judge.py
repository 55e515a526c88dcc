"""Decide whether a challenger replaces the model in production: pure rules, each with a sentence."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline.config.schema_data import DataConfig
from pipeline.core.language import exact
from pipeline.core.statistics import paired
from pipeline.data.labels import places_among

FALSE_PROMOTIONS = 0.05
"""Largest probability of a false promotion within a year of nightly sweeps."""
SPENT = 0.7
"""Share of it that the comparisons spend: the rest allows for losses that are not normally distributed."""
YEAR = 365
"""Looks (comparisons of a challenger with an incumbent) that the probability is spread over."""

ROUNDING = 1e-6
"""A gain below this share of the loss is float32 rounding."""

SHOWN_COLUMNS = 5
ADVICE = "data.split=hash or data.time keeps test rows apart for ever"


@dataclass(frozen=True)
class Schema:
    """Input columns and target of a model."""

    target: str
    classes: tuple[Any, ...] | None
    columns: Mapping[str, str]
    """Kind by name."""

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Schema:
        """Read it from a model's description."""
        classes = description["classes"]
        columns = {column["name"]: column["kind"] for column in description["columns"]}
        return cls(description["target"], None if classes is None else tuple(classes), columns)


@dataclass(frozen=True)
class Rows:
    """What is known of the rows that a model was trained and tested on."""

    digest: str
    """Of the table's content, order and split."""
    split: Mapping[str, str]
    """Settings that assign rows to parts, as returned by `split_of`."""


def split_of(data: DataConfig) -> dict[str, str]:
    """Return the settings that assign rows to training and test part."""
    return {
        "kind": "time" if data.time else str(data.split),
        "by": data.time or data.id or "",
        "group": data.group or "",
        "test_fraction": f"{data.test_fraction:g}",
        "test_path": data.test_path or "",
    }


@dataclass(frozen=True)
class Incumbent:
    """The version that has the alias `champion`."""

    version: str
    schema: Schema | None = None
    rows: Rows | None = None
    problem: str = ""
    """Why it cannot be loaded."""
    foreign: bool = False
    """Whether another program saved it."""


@dataclass(frozen=True)
class Challenge:
    """The input of the judgement."""

    schema: Schema
    rows: Rows
    losses: np.ndarray | None
    """The challenger's loss on each of its test rows, unweighted; None or empty without test rows."""
    incumbent: Incumbent | None = None
    """None: no version is in production."""
    incumbent_losses: np.ndarray | None = None
    """The incumbent's losses on the same rows."""
    weights: np.ndarray | None = None
    """Sample weights of the test rows; None: all equal."""
    clusters: np.ndarray | None = None
    """Cluster of each test row; None: rows are independent."""
    looks: int = 1
    """Number of challengers of this registered model compared so far, this one included."""
    margin: float = 0.0
    """Share of the incumbent's loss by which the challenger must be better."""
    replace_broken: bool = False
    """Whether an incumbent that cannot be loaded or does not predict is replaced uncompared."""
    known: bool = True
    """Whether the registered model existed before."""


class Promotion(NamedTuple):
    """The verdict on the challenger."""

    promoted: bool
    reason: str
    """One sentence with its numbers."""


def judge(challenge: Challenge) -> Promotion:
    """Return whether the challenger becomes the champion, and why."""
    incumbent = challenge.incumbent
    if challenge.losses is None or not len(challenge.losses):
        return _refused("it was scored on no untouched test rows (data.test_fraction=0)")
    if incumbent is None:
        first = (
            "no version had the alias champion" if challenge.known else "it is the first version"
        )
        return _promoted(first)
    if incumbent.foreign:
        why = "was not saved by this program and cannot be compared"
        return _refused(f"version {incumbent.version} {why}")
    if incumbent.problem or incumbent.schema is None or incumbent.rows is None:
        why = f"version {incumbent.version} cannot be compared: {incumbent.problem.rstrip('.')}"
        if challenge.replace_broken:
            return _promoted(f"{why}; registry.replace_broken=true")
        return _refused(f"{why}; repair it, move the alias, or set registry.replace_broken=true")
    if difference := other_schema(challenge.schema, incumbent.schema):
        difference = f"version {incumbent.version} {difference}; its callers would break"
    why = difference or _doubt(challenge.rows, incumbent.rows)
    return _refused(why) if why else _compared(challenge, incumbent)


def _promoted(why: str) -> Promotion:
    return Promotion(promoted=True, reason=f"Promoted: {why}.")


def _refused(why: str) -> Promotion:
    return Promotion(promoted=False, reason=f"Not promoted: {why}.")


def other_schema(new: Schema, old: Schema) -> str:
    """Return how the schemas of two models differ, or an empty string."""
    if new.target != old.target:
        return f"predicts {old.target!r}, not {new.target!r}"
    if places_among(new.classes, old.classes) is None:
        return "knows other classes"
    differing = {
        "does not read": [name for name in new.columns if name not in old.columns],
        "also reads": [name for name in old.columns if name not in new.columns],
        "reads in another way": [
            name for name, kind in new.columns.items() if old.columns.get(name, kind) != kind
        ],
    }
    for what, names in differing.items():
        if names:
            more = ", ..." if len(names) > SHOWN_COLUMNS else ""
            return f"{what} {', '.join(map(repr, names[:SHOWN_COLUMNS]))}{more}"
    return ""


def _doubt(new: Rows, old: Rows) -> str:
    """Return why the old model may have trained on the new test rows, or an empty string."""
    if new.digest == old.digest:
        return ""
    if new.split != old.split:
        return f"rows are split in another way than before; {ADVICE}"
    if new.split.get("kind") not in {"hash", "time"}:
        kind = new.split.get("kind")
        return f"the table or its seed changed and data.split={kind} moves rows between sides; {ADVICE}"
    return ""


@functools.cache
def errors_required(looks: int, units: int) -> float:
    """Return how many standard errors a gain must exceed at the n-th look.

    Each look spends a part of the probability of a false promotion: half of it early, as 1 / (n (n + 1)),
    half evenly over a year. The parts of any 365 consecutive looks add up to at most 5 %, so by the union
    bound (Bonferroni; unequal shares as in alpha spending, Lan and DeMets 1983) the bound holds whether
    nights share test rows or not, whatever was promoted between. The first look requires 2.4 standard
    errors, the 7th 3.4, the 30th 3.8, a look after years 3.9.

    Args:
        looks: Number of this look, from 1.
        units: Number of independent test rows or clusters: Student's t has one degree of freedom less.
    """
    from scipy.stats import t

    if units <= 1:
        return math.inf
    early, even = 1 / (looks * (looks + 1)), 1 / YEAR
    return float(t.isf(SPENT * FALSE_PROMOTIONS * (early + even) / 2, units - 1))


def _compared(challenge: Challenge, incumbent: Incumbent) -> Promotion:
    new, old = challenge.losses, challenge.incumbent_losses
    if new is None or old is None or new.shape != old.shape:
        raise AssertionError("both models are scored on the same test rows")
    weights, clusters = challenge.weights, challenge.clusters
    gain = paired(old, new, weights=weights, clusters=clusters)
    units = len(new) if clusters is None else len(np.unique(clusters))
    required, looks = errors_required(max(challenge.looks, 1), units), challenge.looks
    loss, incumbent_loss = (float(np.average(losses, weights=weights)) for losses in (new, old))
    wanted = max(challenge.margin, ROUNDING) * abs(incumbent_loss)
    numbers = (
        f"test loss {exact(loss)} against {exact(incumbent_loss)} of version {incumbent.version} "
        f"on the same {len(new):,} rows, gain {gain.mean:.3g} with standard error {gain.root:.2g}"
    )
    if not gain.mean > wanted:
        share = f" more than the margin {wanted:.3g}" if challenge.margin > 0 else ""
        return _refused(f"{numbers}: not better{share and ' by' + share}")
    if units <= 1 or not gain.mean - wanted > required * gain.root:
        return _refused(
            f"{numbers}: not beyond noise ({required:.2g} standard errors at look {looks}, so that "
            f"at most {FALSE_PROMOTIONS:.0%} of years see a false promotion)"
        )
    return _promoted(numbers)
