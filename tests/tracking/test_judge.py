"""Promotion: every case of the rules, each with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.compose import compose
from pipeline.tracking.judge import Challenge, Incumbent, Rows, Schema, judge, split_of

SCHEMA = Schema("wage", None, {"age": "number", "sex": "category"})
HASH = {"kind": "hash", "by": "", "group": "", "test_fraction": "0.15", "test_path": ""}
ROWS = Rows("monday", HASH)
OLD = np.tile([1.0, 1.2, 0.8, 1.1], 50)
INCUMBENT = Incumbent("3", SCHEMA, ROWS)
BETTER = Challenge(SCHEMA, Rows("tuesday", HASH), OLD - 0.1, INCUMBENT, OLD)


def other_rows(**split: str) -> Rows:
    """Return rows of another day, split like this."""
    return Rows("tuesday", HASH | split)


CASES = {
    "really better": (BETTER, True, "gain 0.1"),
    "first version": (replace(BETTER, incumbent=None, known=False), True, "first version"),
    "alias was taken away": (replace(BETTER, incumbent=None), True, "no version had the alias"),
    "no longer loads": (
        replace(BETTER, incumbent=Incumbent("3", problem="a file is missing")),
        True,
        "no longer loads .a file is missing",
    ),
    "same": (replace(BETTER, losses=OLD), False, "not better"),
    "same but for rounding": (replace(BETTER, losses=OLD - 1e-8), False, "not better"),
    "worse": (replace(BETTER, losses=OLD + 0.1), False, "not better"),
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
