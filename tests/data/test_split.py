"""Every split is disjoint, exhaustive, repeatable, and keeps what it promises."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.config.choices import SplitKind
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.assign import Grouped, Hashed, Last, Shuffled, Timed, quotas
from pipeline.data.rowhash import row_hashes
from pipeline.data.split import Keys, split_rows
from pipeline.data.target import Target
from pipeline.evaluation.baselines import BASELINES, fit_baselines

SHARES = st.floats(0.05, 0.6)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def class_codes(draw: st.DrawFn) -> np.ndarray:
    """Draw the classes of 20 to 300 rows, each with at least 3 rows."""
    counts = draw(st.lists(st.integers(3, 60), min_size=1, max_size=5))
    codes = np.repeat(np.arange(len(counts)), counts)
    assume(len(codes) >= 20)
    return np.random.default_rng(draw(SEEDS)).permutation(codes)


def target_of(codes: np.ndarray) -> Target:
    """Return a classification target with these class codes."""
    return Target("y", tuple(range(int(codes.max()) + 1)), codes)


def ways(codes: np.ndarray, seed: int) -> dict[str, object]:
    """Return every assignment over the same rows."""
    generator = np.random.default_rng(seed)
    rows = len(codes)
    return {
        "shuffled": Shuffled(codes, seed),
        "grouped": Grouped(generator.integers(0, max(8, rows // 4), rows), codes, seed),
        "hashed": Hashed(generator.integers(0, 2**63, rows).astype(np.uint64)),
        "last": Last(),
        "timed": Timed(generator.normal(size=rows)),
    }


@given(codes=class_codes(), share=SHARES, seed=SEEDS, folds=st.integers(2, 5))
def test_every_way_gives_each_row_one_side_and_repeats_itself(codes, share, seed, folds):
    """Disjoint, exhaustive, deterministic; in folds each row validates once (time: but the first)."""
    rows = np.arange(len(codes))
    for name, way in ways(codes, seed).items():
        stay, taken = way.holdout(rows, share, "test")
        assert np.array_equal(np.sort(np.concatenate([stay, taken])), rows)
        again = ways(codes, seed)[name].holdout(rows, share, "test")
        assert np.array_equal(stay, again[0])
        pairs = way.folds(rows, folds)
        assert len(pairs) == folds
        validated = np.sort(np.concatenate([validation for _, validation in pairs]))
        if name == "timed":
            assert len(np.unique(validated)) == len(validated)
        else:
            assert np.array_equal(validated, rows)
        for train, validation in pairs:
            assert not set(train) & set(validation)


@given(codes=class_codes(), seed=SEEDS, folds=st.integers(2, 5))
def test_the_row_of_a_class_that_has_no_other_is_trained_on(codes, seed, folds):
    """In every part of every dealing; all other rows validate once."""
    lone = len(codes)
    codes = np.append(codes, codes.max() + 1)
    for config in (
        DataConfig(name="t", test_fraction=0.2),
        DataConfig(name="t", test_fraction=0.2, folds=folds),
    ):
        split = split_rows(config, target_of(codes), Keys(), seed)
        assert all(lone in train and lone not in held for train, held in split.folds)
        assert lone not in split.test
        if config.folds:
            held = np.concatenate([validation for _, validation in split.folds])
            assert np.array_equal(np.sort([*held, *split.test, lone]), np.arange(lone + 1))


@given(codes=class_codes(), share=SHARES, seed=SEEDS)
def test_a_random_split_takes_the_same_share_of_every_class(codes, share, seed):
    """To within one row where the class has rows to spare, and every class keeps a row to train on."""
    stay, taken = Shuffled(codes, seed).holdout(np.arange(len(codes)), share, "validation")
    all_rows = np.bincount(codes)
    here = np.bincount(codes[taken], minlength=len(all_rows))
    assert (np.bincount(codes[stay], minlength=len(all_rows)) >= 1).all()
    spare = all_rows * share <= all_rows - 1
    if spare.all():
        assert (np.abs(here - all_rows * share)[spare] < 1 + 1e-9).all()
        assert abs(len(taken) - max(1, len(codes) * share)) <= 0.5 + 1e-9


@given(codes=class_codes(), seed=SEEDS, folds=st.integers(2, 5))
def test_random_folds_have_equal_sizes_and_equal_classes(codes, seed, folds):
    """Sizes differ by one row at most, and so do the rows of each class."""
    pairs = Shuffled(codes, seed).folds(np.arange(len(codes)), folds)
    counts = np.array([np.bincount(codes[v], minlength=codes.max() + 1) for _, v in pairs])
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert (np.ptp(counts, axis=0) <= 1).all()


@given(codes=class_codes(), share=st.floats(0.15, 0.5), seed=SEEDS, folds=st.integers(2, 4))
def test_a_group_never_stands_on_two_sides(codes, share, seed, folds):
    """Not in a holdout, not in a fold."""
    way = ways(codes, seed)["grouped"]
    rows = np.arange(len(codes))
    for one, other in [way.holdout(rows, share, "test"), *way.folds(rows, folds)]:
        assert len(one)
        assert len(other)
        assert not set(way.groups[one]) & set(way.groups[other])


def test_many_small_groups_are_shared_out_like_rows():
    """Share and classes come out within a few rows, although whole groups move."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(500), generator.integers(1, 12, 500))
    codes = (generator.random(len(groups)) < 0.2).astype(np.int64)
    stay, taken = Grouped(groups, codes, 0).holdout(np.arange(len(groups)), 0.2, "test")
    assert len(taken) / len(groups) == pytest.approx(0.2, abs=0.005)
    assert codes[taken].mean() == pytest.approx(codes[stay].mean(), abs=0.01)


def test_no_part_stays_empty_while_there_are_groups_enough():
    """A tiny share still takes a group, and each fold gets one, however unequal the groups are."""
    groups = np.repeat([0, 1, 2], [90, 5, 5])
    way = Grouped(groups, np.zeros(100, np.int64), 0)
    stay, taken = way.holdout(np.arange(100), 0.01, "test")
    assert len(stay) > len(taken) > 0
    assert all(len(validation) for _, validation in way.folds(np.arange(100), 3))


def test_fewer_groups_than_parts_are_refused():
    """One group cannot be trained and validated."""
    way = Grouped(np.zeros(30, np.int64), np.zeros(30, np.int64), 0)
    with pytest.raises(DataError, match="too few groups"):
        way.holdout(np.arange(30), 0.2, "test")


@given(rows=st.integers(20, 300), share=SHARES, seed=SEEDS, ties=st.integers(3, 40))
def test_time_goes_forward_and_equal_times_stay_together(rows, share, seed, ties):
    """Everything taken is later than everything that stays, in holdouts and in folds."""
    times = np.random.default_rng(seed).integers(0, ties, rows).astype(float)
    assume(len(np.unique(times)) >= 4)
    way = Timed(times)
    pairs = [way.holdout(np.arange(rows), share, "test")]
    try:
        pairs += way.folds(np.arange(rows), 3)
    except DataError as error:
        assert "too few different times" in str(error)  # noqa: PT017 - both answers are right
    for train, later in pairs:
        assert times[train].max() < times[later].min()


@given(rows=st.integers(2, 500), share=st.floats(0.01, 0.99))
def test_last_is_what_keras_does(rows, share):
    """Keras 3, data_adapter_utils.train_validation_split: the last rows, cut at floor."""
    stay, taken = Last().holdout(np.arange(rows), share, "validation")
    at = math.floor(rows * (1.0 - share))
    assert np.array_equal(stay, np.arange(at))
    assert np.array_equal(taken, np.arange(at, rows))


@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    share=SHARES,
    kept=st.integers(1, 2),
)
def test_quotas_leave_every_class_its_rows(counts, share, kept):
    """No class is emptied, and no more rows are taken than asked for."""
    taken = quotas(np.array(counts), share, kept)
    assert ((taken >= 0) & (taken <= np.maximum(np.array(counts) - kept, 0))).all()
    assert taken.sum() <= max(1, round(sum(counts) * share))


def test_a_class_of_two_rows_gives_none_to_the_test():
    """One is needed to train, one to validate."""
    assert quotas(np.array([2, 50]), 0.6, kept=2).tolist() == [0, 31]


def hashed_sides(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the side of each row of a table, by the text of the row."""
    way = Hashed(row_hashes(frame))
    stay, test = way.holdout(np.arange(len(frame)), 0.2, "test")
    train, validation = way.holdout(stay, 0.25, "validation")
    sides = {}
    for side, rows in (("train", train), ("validation", validation), ("test", test)):
        sides.update({str(key): side for key in frame["key"].iloc[rows]})
    return sides


@given(seed=SEEDS, first=st.integers(10, 80), more=st.integers(1, 80))
def test_a_hashed_row_never_changes_side_as_the_table_grows(seed, first, more):
    """Not when rows arrive, are reordered, or turn a column into another type; not by another seed."""
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "key": np.arange(first + more),
            "count": generator.integers(0, 9, first + more),
            "town": generator.choice(["Bern", "Graz"], first + more),
        }
    )
    before = hashed_sides(table.iloc[:first])
    grown = table.astype({"count": object, "key": object}).copy()
    grown.loc[first, "count"] = None  # integers become floats in a file with a gap
    grown.loc[first, "key"] = "A7"  # and text where an id of a new kind arrives
    grown["count"] = grown["count"].astype(float)
    grown["key"] = grown["key"].astype(str)
    after = hashed_sides(grown.sample(frac=1, random_state=seed % 1000)[["town", "key", "count"]])
    assert {key: after[key] for key in before} == before


def test_hashed_shares_are_near_those_asked_for():
    """Test and validation are independent: their shares multiply."""
    way = Hashed(row_hashes(pd.DataFrame({"a": np.arange(20_000)})))
    stay, test = way.holdout(np.arange(20_000), 0.15, "test")
    _, validation = way.holdout(stay, 0.2, "validation")
    assert len(test) / 20_000 == pytest.approx(0.15, abs=0.01)
    assert len(validation) / len(stay) == pytest.approx(0.2, abs=0.01)


def test_a_seed_of_zero_is_a_seed_like_any_other():
    """Seeds 0 and 1 differ, and 0 repeats itself."""
    config = DataConfig(name="x")
    target = target_of(np.arange(100) % 2)
    splits = [split_rows(config, target, Keys(), seed) for seed in (0, 0, 1)]
    assert np.array_equal(splits[0].train, splits[1].train)
    assert not np.array_equal(splits[0].train, splits[2].train)


def test_fractions_are_of_the_rows_that_are_not_test():
    """100 rows: 15 test, 17 of the other 85 validation."""
    split = split_rows(DataConfig(name="x"), target_of(np.arange(100) % 2), Keys(), 0)
    assert [len(rows) for rows in (split.train, split.validation, split.test)] == [68, 17, 15]
    assert np.array_equal(split.known, np.setdiff1d(np.arange(100), split.test))


def test_no_test_fraction_keeps_every_row():
    """The course recipes have no test rows."""
    config = DataConfig(name="x", test_fraction=0.0, split=SplitKind.last)
    split = split_rows(config, target_of(np.arange(100) % 2), Keys(), 0)
    assert len(split.test) == 0
    assert np.array_equal(split.validation, np.arange(80, 100))


@pytest.mark.parametrize("grouped", [False, True])
def test_repeated_folds_are_dealt_anew(grouped: bool):
    """Each repeat validates every row once; the first is the one without repeats."""
    keys = Keys(groups=np.arange(60) // 3) if grouped else Keys()
    target = target_of(np.arange(60) % 2)
    one, three = (
        split_rows(DataConfig(name="x", test_fraction=0, folds=4, repeats=repeats), target, keys, 0)
        for repeats in (1, 3)
    )
    assert len(three.folds) == 12
    for at in range(0, 12, 4):
        validated = np.concatenate([rows for _, rows in three.folds[at : at + 4]])
        assert np.array_equal(np.sort(validated), np.arange(60))
    for mine, theirs in zip(one.folds, three.folds, strict=False):
        assert np.array_equal(mine[1], theirs[1])
    assert not np.array_equal(three.folds[0][1], three.folds[4][1])


def test_rows_of_a_separate_file_are_the_test_rows():
    """They are the last ones, and no fraction of the others is taken for the test."""
    config = DataConfig(name="x", test_path="other.csv", folds=4)
    split = split_rows(config, target_of(np.arange(100) % 2), Keys(), 0, given_test=30)
    assert np.array_equal(split.test, np.arange(70, 100))
    assert np.array_equal(np.sort(np.concatenate([v for _, v in split.folds])), np.arange(70))


def test_a_part_with_one_group_alone_is_said(prepared):
    """Its standard errors are of rows; with folds every group is validated."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"x": draw.normal(size=200), "y": draw.normal(size=200)})
    table["clinic"] = draw.choice(["a", "b", "c", "d"], 200)
    notes = " ".join(prepared(table, target="y", group="clinic").notes)
    assert "All validation rows are of one value of 'clinic'" in notes
    assert "All test rows are of one value of 'clinic'" in notes
    notes = " ".join(prepared(table, target="y", group="clinic", folds=3).notes)
    assert "All validation rows" not in notes
    assert "All test rows are of one value of 'clinic'" in notes


def test_rows_without_a_group_are_counted_and_said(prepared):
    """Whoever left the cell empty may have meant as many groups as rows."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"x": draw.normal(size=200), "y": draw.normal(size=200)})
    table["clinic"] = [None if row % 10 == 0 else f"c{row % 30}" for row in range(200)]
    notes = " ".join(prepared(table, target="y", group="clinic").notes)
    assert "20 rows have no value of 'clinic' (data.group): they count as one group" in notes


@pytest.mark.parametrize("folds", [None, 3])
@pytest.mark.parametrize("alone", [("odd",), ("odd", "strange")])
def test_a_class_of_one_row_is_said_and_kept(prepared, people, alone, folds):
    """A table is not refused for a slip of the pen; boosting and linear models are fitted beside it."""
    for row, label in enumerate(alone):
        people.loc[7 * row, "left"] = label
    dataset = prepared(people, target="left", folds=folds, drop=["wage"])
    (note,) = [note for note in dataset.notes if "one row only" in note]
    assert all(repr(label) in note for label in alone)
    assert not any("no training row" in note for note in dataset.notes)
    assert set(alone) < set(dataset.classes)
    fitted = fit_baselines(dataset.arrays("standard"), 0)
    assert set(fitted) == set(BASELINES)
