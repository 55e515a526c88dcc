"""Promotion: every case of the rules, each with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.compose import compose
from pipeline.registry.judge import (
    FALSE_PROMOTIONS,
    YEAR,
    Challenge,
    Incumbent,
    Rows,
    Schema,
    errors_required,
    judge,
    split_of,
)

SCHEMA = Schema("wage", None, {"age": "number", "sex": "category"})
HASH = {"kind": "hash", "by": "", "group": "", "test_fraction": "0.15", "test_path": ""}
ROWS = Rows("monday", HASH)
OLD = np.tile([1.0, 1.2, 0.8, 1.1], 50)
INCUMBENT = Incumbent("3", SCHEMA, ROWS)
BETTER = Challenge(SCHEMA, Rows("tuesday", HASH), OLD - 0.1, INCUMBENT, OLD)

BY_DAY = OLD - np.repeat([0.3, 0.2, -0.1, 0.1], 50)
"""Clear where each row counts as one by itself, not where its day does."""


def other_rows(**split: str) -> Rows:
    """Return rows of another day, split like this."""
    return Rows("tuesday", HASH | split)


CASES = {
    "really better": (BETTER, True, "gain 0.1"),
    "first version": (replace(BETTER, incumbent=None, known=False), True, "first version"),
    "alias was taken away": (replace(BETTER, incumbent=None), True, "no version had the alias"),
    "no longer loads": (
        replace(BETTER, incumbent=Incumbent("3", problem="a file is missing.")),
        False,
        "cannot be compared: a file is missing; repair it, .*registry.replace_broken=true",
    ),
    "no longer loads, and that may be": (
        replace(BETTER, incumbent=Incumbent("3", problem="a file"), replace_broken=True),
        True,
        "cannot be compared: a file; registry.replace_broken=true",
    ),
    "another program's, whatever is said": (
        replace(BETTER, incumbent=Incumbent("3", foreign=True), replace_broken=True),
        False,
        "not saved by this program",
    ),
    "few days of many rows": (
        replace(BETTER, losses=BY_DAY, clusters=np.repeat(np.arange(4), 50)),
        False,
        "not beyond noise",
    ),
    "same": (replace(BETTER, losses=OLD), False, "not better"),
    "same but for rounding": (replace(BETTER, losses=OLD - 1e-8), False, "not better"),
    "worse": (replace(BETTER, losses=OLD + 0.1), False, "not better"),
    "labels as an older version spelled them": (
        replace(
            BETTER,
            schema=replace(SCHEMA, classes=("01", "10", "2")),
            incumbent=replace(INCUMBENT, schema=replace(SCHEMA, classes=(1, 2, 10))),
        ),
        True,
        "gain 0.1",
    ),
    "within the margin": (replace(BETTER, margin=0.2), False, "margin"),
    "beyond the margin": (replace(BETTER, margin=0.05), True, "gain 0.1"),
    "within noise": (
        replace(BETTER, losses=OLD - 0.01 + np.tile([1.0, -1.0], 100)),
        False,
        "not beyond noise",
    ),
    "one row proves nothing": (
        replace(BETTER, losses=OLD[:1] - 1, incumbent_losses=OLD[:1]),
        False,
        "not beyond noise",
    ),
    "no test rows": (replace(BETTER, losses=None), False, "test_fraction=0"),
    "no test rows, first version": (
        replace(BETTER, losses=np.array([]), incumbent=None, known=False),
        False,
        "test_fraction=0",
    ),
    "saved by another program": (
        replace(BETTER, incumbent=Incumbent("3", foreign=True)),
        False,
        "not saved by this program",
    ),
    "another target": (
        replace(BETTER, schema=replace(SCHEMA, target="salary")),
        False,
        "predicts 'wage', not 'salary'",
    ),
    "other classes": (replace(BETTER, schema=replace(SCHEMA, classes=("a",))), False, "classes"),
    "a new column": (
        replace(BETTER, schema=replace(SCHEMA, columns=SCHEMA.columns | {"town": "category"})),
        False,
        "does not read 'town'",
    ),
    "a lost column": (
        replace(BETTER, schema=replace(SCHEMA, columns={"age": "number"})),
        False,
        "also reads 'sex'",
    ),
    "a column of another kind": (
        replace(BETTER, schema=replace(SCHEMA, columns={"age": "number", "sex": "number"})),
        False,
        "reads in another way 'sex'",
    ),
    "random split of the same table": (
        replace(BETTER, rows=Rows("monday", HASH | {"kind": "random"})),
        True,
        "gain 0.1",
    ),
    "random split of a changed table": (
        replace(
            BETTER,
            rows=other_rows(kind="random"),
            incumbent=replace(INCUMBENT, rows=Rows("monday", HASH | {"kind": "random"})),
        ),
        False,
        "data.split=random moves rows",
    ),
    "split in another way": (
        replace(BETTER, rows=other_rows(test_fraction="0.3")),
        False,
        "split in another way",
    ),
    "ordered by time": (
        replace(
            BETTER,
            rows=other_rows(kind="time", by="day"),
            incumbent=replace(INCUMBENT, rows=Rows("monday", HASH | {"kind": "time", "by": "day"})),
        ),
        True,
        "gain 0.1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_decided_and_said(case: str) -> None:
    """The table of promotion."""
    challenge, promoted, words = CASES[case]
    verdict = judge(challenge)
    assert verdict.promoted == promoted
    assert verdict.reason.startswith("Promoted: " if promoted else "Not promoted: ")
    import re

    assert re.search(words, verdict.reason), verdict.reason


losses = st.lists(st.floats(0, 10), min_size=2, max_size=30)


@given(losses, losses)
def test_two_models_never_both_replace_each_other(new: list[float], old: list[float]) -> None:
    """Whatever the losses: a promotion back and forth would never end."""
    rows = min(len(new), len(old))
    one, other = np.array(new[:rows]), np.array(old[:rows])
    there = judge(replace(BETTER, losses=one, incumbent_losses=other)).promoted
    back = judge(replace(BETTER, losses=other, incumbent_losses=one)).promoted
    assert not (there and back)


def test_the_split_says_what_assigns_a_row() -> None:
    """Time goes before the kind of split: it then decides."""
    data = compose(["data=wages", "data.split=hash"]).data
    assert split_of(data)["kind"] == "hash"
    data.time = "day"
    assert (split_of(data)["kind"], split_of(data)["by"]) == ("time", "day")


@pytest.mark.parametrize("first", [1, 2, 50, 1000])
def test_a_year_of_looks_spends_at_most_its_chance(first: int) -> None:
    """Whenever the year begins, and whatever was promoted before."""
    from scipy.stats import t

    spent = [t.sf(errors_required(look, 500), 499) for look in range(first, first + YEAR)]
    assert sum(spent) <= FALSE_PROMOTIONS
    assert sum(spent) > FALSE_PROMOTIONS / 3


def test_the_first_look_is_easy_and_the_last_is_possible() -> None:
    """A bar that rose for ever would keep a better model out for good."""
    assert errors_required(1, 10_000) < 2.4
    assert errors_required(10**6, 10_000) < 4
    assert errors_required(1, 5) > 3


def test_clear_by_rows_is_not_clear_by_days() -> None:
    """The same losses without the days are promoted: the planted opposite of `few days`."""
    assert judge(replace(BETTER, losses=BY_DAY)).promoted
