"""Encoders: right by hand calculation, blind to validation and test rows, stored without pickle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import Encoding
from pipeline.core.names import Grid
from pipeline.data.encode import fit_encoder
from pipeline.data.inputs import grid_of, inputs_of, quantile_edges
from pipeline.data.typed import MISSING_LEVEL, Column, typed
from pipeline.models.artefact_predictor import TRUSTED

ENCODINGS = [encoding.value for encoding in Encoding]
NAN = float("nan")


def numbers(values: list[float], later: list[float], encoding: str) -> np.ndarray:
    """Fit one number column on some rows and encode others."""
    column = [Column("a", "number")]
    frame = pd.DataFrame({"a": values})
    encoder = fit_encoder(frame, frame, column, encoding)
    return np.asarray(encoder.transform(pd.DataFrame({"a": later})))


def test_standard_takes_the_median_for_a_missing_value_then_mean_and_deviation():
    """1, 2, 9 and a gap: median 2, so mean 3.5 and standard deviation sqrt(10.25)."""
    got = numbers([1, 2, 9, NAN], [3.5, NAN, 9], "standard")
    scale = np.sqrt(10.25)
    assert np.allclose(got, [[0, 0], [-1.5 / scale, 1], [5.5 / scale, 0]])


def test_robust_is_a_smooth_clip_of_quartile_units():
    """X / sqrt(1 + (x / 3)^2) with x in interquartile ranges from the median."""
    got = numbers([0, 1, 2, 3, 4], [2, 4, 1e9, -1e9], "robust").ravel()
    x = (4 - 2) / 2
    assert np.allclose(got, [0, x / np.sqrt(1 + (x / 3) ** 2), 3, -3], atol=1e-5)


def test_robust_scales_a_mostly_constant_column_by_half_its_range():
    """The interquartile range of capital gains is 0; their size still says something."""
    got = numbers([0] * 20 + [10], [0, 5, 10], "robust").ravel()
    x = np.array([0, 1, 2])
    assert np.allclose(got, x / np.sqrt(1 + (x / 3) ** 2))


def test_quantile_makes_any_distribution_normal():
    """The median becomes 0 and the order stays."""
    values = np.exp(np.linspace(-5, 5, 201))
    got = numbers(values.tolist(), values.tolist(), "quantile").ravel()
    assert abs(got[100]) < 1e-6
    assert (np.diff(got) > 0).all()
    assert got[:-1][np.searchsorted(got, 1.0) - 1] == pytest.approx(1.0, abs=0.05)


def test_piecewise_fills_one_interval_after_the_other():
    """16 intervals between the quantiles of 0 .. 160: 25 fills two and half of the third."""
    got = numbers(list(range(161)), [25, 0, 160, -7, 999], "piecewise")
    assert got.shape == (5, 16)
    assert np.allclose(got[0], [1, 1, 0.5] + [0] * 13)
    assert np.allclose(got[1:], [[0] * 16, [1] * 16, [0] * 16, [1] * 16])


def test_the_resolution_of_piecewise_stands_in_its_name():
    """2 intervals between the quantiles of 0 .. 160, or 40; never more than there are values to separate."""
    values = list(range(161))
    assert numbers(values, [40, 120], "piecewise-2").tolist() == [[0.5, 0], [1, 0.5]]
    assert numbers(values, [40, 120], "piecewise-40").sum(axis=1).tolist() == [10, 30]
    assert numbers([1, 2, 3] * 9, [2], "piecewise-120").tolist() == [[1, 0]]


def test_embedded_numbers_stand_slot_by_slot_and_few_intervals_behind_them():
    """Of two numbers with 12 and 10 intervals a grid of 13 slots, filled with zeros that no value changes."""
    columns = [Column(name, "number") for name in ("long", "few", "short")]
    rows = np.arange(143)
    frame = pd.DataFrame({"long": rows % 13.0, "few": rows % 3.0, "short": rows % 11.0})
    encoder = fit_encoder(frame, frame, columns, "embedded")
    later = pd.DataFrame({"long": [6.0, 1e9], "few": [1.0, 1e9], "short": [10.0, 1e9]})
    got = np.asarray(encoder.transform(later))
    grid = grid_of(inputs_of(frame, columns, "embedded"))
    assert grid == Grid(slots=13, numbers=2)
    table, few = got[:, : 13 * 2].reshape(2, 13, 2), got[:, 13 * 2 :]
    assert np.allclose(table[0, 0], [0.0, 5 / np.sqrt(10)], atol=1e-6)  # standard
    assert table[0, 1:, 0].tolist() == [1] * 6 + [0] * 6
    assert table[:, 1:, 1].tolist() == [[1] * 10 + [0] * 2] * 2
    assert few.tolist() == [[1, 0], [1, 1]]
    assert grid_of(inputs_of(frame, columns[1:2], "embedded")) is None
    assert grid_of(inputs_of(frame, columns, "piecewise-48")) is None


def test_piecewise_has_as_many_intervals_as_a_column_has_values_to_separate():
    """Three different values make two intervals, a constant none."""
    columns = [Column("a", "number"), Column("b", "number"), Column("c", "number")]
    frame = pd.DataFrame({"a": [1.0, 2, 3] * 9, "b": [5.0] * 27, "c": [0.0, 1, 1] * 9})
    encoder = fit_encoder(frame, frame, columns, "piecewise")
    got = np.asarray(encoder.transform(frame[:3]))
    assert got.tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_rare_and_unknown_levels_share_an_input():
    """Levels with fewer than five rows are rare; one never seen is treated like them."""
    column = [Column("a", "category")]
    frame = pd.DataFrame({"a": ["x"] * 9 + ["y"] * 9 + ["r1", "r2"] + [MISSING_LEVEL] * 5})
    encoder = fit_encoder(frame, frame, column, "standard")
    later = pd.DataFrame({"a": ["x", "y", MISSING_LEVEL, "r1", "new"]})
    got = np.asarray(encoder.transform(later))
    assert got.sum(axis=1).tolist() == [1] * 5
    assert np.array_equal(got[3], got[4])
    assert len(np.unique(got, axis=0)) == 4


def test_one_hot_width_is_capped():
    """A column of 500 levels makes 64 inputs, and a table never more than about a thousand."""
    rows = 20_000
    names = [f"c{number}" for number in range(40)]
    values = {name: np.arange(rows) * 7 % 500 for name in names}
    frame = pd.DataFrame(values).astype(str).astype(object)
    one = fit_encoder(frame, frame, [Column("c0", "category")], "standard")
    assert one.transform(frame[:1]).shape == (1, 64)
    encoder = fit_encoder(frame, frame, [Column(name, "category") for name in names], "standard")
    assert encoder.transform(frame[:1]).shape[1] <= 1024


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoder_survives_skops_with_the_stated_types_and_says_the_same(
    people, prepared, encoding
):
    """No pickle, no type of ours, and the trusted list is complete and needed."""
    dataset = prepared(people, target="wage", drop=["left"])
    encoder = dataset.encoder(encoding)
    stored = skops.io.dumps(encoder)
    assert set(skops.io.get_untrusted_types(data=stored)) == set(TRUSTED)
    loaded = skops.io.loads(stored, trusted=list(TRUSTED))
    rows = typed(dataset.features("validation"), dataset.columns)
    got = loaded.transform(rows)
    assert got.dtype == np.float32
    assert np.array_equal(got, dataset.arrays(encoding).x_val)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoder_never_looks_at_validation_or_test_rows(people, prepared, encoding):
    """Other values there change neither the training inputs nor how a given row is encoded."""
    before = prepared(people, target="wage", drop=["left"])
    other = people.copy()
    rows = np.concatenate([before.split.validation, before.split.test])
    other.loc[rows, "height"] = 1e6
    other.loc[rows, "town"] = "Elsewhere"
    other.loc[rows, "children"] = 99
    other.loc[rows, "joined"] = "1999-09-09"
    after = prepared(other, target="wage", drop=["left"])
    assert np.array_equal(before.split.train, after.split.train)
    assert np.array_equal(before.arrays(encoding).x_train, after.arrays(encoding).x_train)
    sample = before.features("test")
    assert np.array_equal(before.encode(sample, encoding), after.encode(sample, encoding))
    assert before.target_scaling() == after.target_scaling()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_fold_has_the_same_inputs_with_its_own_statistics(people, prepared, encoding):
    """A level or gap that only one fold's training rows hold is an input of all folds."""
    people.loc[0, "children"] = None
    people.loc[3:7, "town"] = "Wien"
    dataset = prepared(people, target="wage", drop=["left"], folds=5)
    widths = {dataset.arrays(encoding, fold).x_train.shape[1:] for fold in range(5)}
    assert widths == {dataset.input_shape(encoding)}
    means = {dataset.target_scaling(fold)[0] for fold in range(5)}
    assert len(means) == 5


def test_an_input_never_exceeds_a_million_deviations():
    """1e60 would be infinite in float32, and so would be every loss after it."""
    assert numbers([0, 1], [1e60, -1e60, 0.5], "standard").ravel().tolist() == [1e6, -1e6, 0]


@given(
    fitted=st.lists(st.floats(-1e90, 1e90) | st.just(NAN), min_size=2, max_size=30),
    later=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=5),
    encoding=st.sampled_from(ENCODINGS),
)
def test_whatever_number_comes_later_the_inputs_are_finite(fitted, later, encoding):
    """A wild value in a later row never becomes an infinite input."""
    column = [Column("a", "number"), Column("b", "number")]
    train = typed(pd.DataFrame({"a": fitted, "b": range(len(fitted))}), column)
    encoder = fit_encoder(train, train, column, encoding)
    got = encoder.transform(typed(pd.DataFrame({"a": later, "b": 0.0}), column))
    assert got.dtype == np.float32
    assert np.isfinite(got).all()


def test_a_column_that_is_mostly_zero_keeps_its_resolution_elsewhere():
    """900 zeros and 100 different gains: zero is one end, and the other intervals divide the gains."""
    values = np.concatenate([np.zeros(900), np.arange(1.0, 101.0)])
    (ends,) = quantile_edges(values[:, None], 16)
    assert len(ends) == 17
    assert ends[0] == 0
    assert np.diff(ends[1:]).max() <= 8


def test_a_column_of_few_values_has_an_end_at_each():
    """However often each stands there."""
    values = np.array([0.0] * 50 + [1.0] * 3 + [7.0] * 2)
    (ends,) = quantile_edges(values[:, None], 16)
    assert ends.tolist() == [0, 1, 7]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=300), st.integers(2, 20))
def test_there_are_never_more_intervals_than_asked_for(values, bins):
    """Whatever the values: ends ascend, the smallest and the largest are among them."""
    column = np.array(values, dtype=float)
    (ends,) = quantile_edges(column[:, None], bins)
    assert len(ends) <= bins + 1
    assert (np.diff(ends) > 0).all()
    assert {column.min(), column.max()} <= set(ends.tolist())


@pytest.mark.parametrize("encoding", ["embedded-48", "piecewise-48"])
def test_a_wide_table_names_its_columns_once(encoding: str) -> None:
    """Not once an interval: of 3,000 columns skops wrote 14 MB, a minute long."""
    draws = np.random.default_rng(0).normal(size=(100, 200))
    frame = pd.DataFrame(draws, columns=[f"c{number}" for number in range(200)])
    columns = [Column(name, "number") for name in frame]
    packed = skops.io.dumps(fit_encoder(frame, frame, columns, encoding))
    assert len(packed) < 200 * 100_000
