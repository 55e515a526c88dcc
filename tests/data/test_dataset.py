"""The prepared data set as the rest of the product sees it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.config.choices import MissingTarget, SplitKind, Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.control import Stopped
from pipeline.core.errors import DataError
from pipeline.data import prepare
from pipeline.data.dataset import CHUNK_ROWS
from pipeline.evaluation.scores import constant_loss


def test_arrays_are_the_encoded_rows_of_their_parts(people, prepared):
    """What the table holds, encoded, is what the engine trains on."""
    dataset = prepared(people, target="left", drop=["wage"])
    arrays = dataset.arrays("standard")
    for part, x, y in (
        ("train", arrays.x_train, arrays.y_train),
        ("validation", arrays.x_val, arrays.y_val),
    ):
        assert np.array_equal(dataset.encode(dataset.features(part), "standard"), x)
        raw = people["left"].iloc[dataset.part(part)]
        assert np.array_equal(np.eye(2, dtype=np.float32)[dataset.judged.encode(raw)], y)
        assert x.dtype == y.dtype == np.float32
        assert x.flags.c_contiguous
    assert list(dataset.features("test").columns) == [
        "height",
        "children",
        "member",
        "town",
        "joined",
    ]
    assert len(dataset.features("test")) == len(dataset.split.test) == 30


def test_kinds_are_stated(people, prepared):
    """Each column has one."""
    dataset = prepared(people, target="left", drop=["wage"])
    kinds = {column.name: column.kind for column in dataset.columns if column.used}
    assert kinds == {
        "height": "number",
        "children": "number",
        "member": "boolean",
        "town": "category",
        "joined": "date",
    }
    assert dataset.dropped == (("wage", "left out (data.drop)"),)


def test_arrays_are_cached_and_inputs_shared(people, prepared):
    """One array in memory for all fits, whatever their class weight."""
    dataset = prepared(people, target="left")
    plain, balanced = dataset.arrays("standard"), dataset.arrays("standard", 0, "balanced")
    assert dataset.arrays("standard") is plain
    assert balanced.x_train is plain.x_train
    assert plain.train_weight is None


def test_a_stop_ends_encoding_after_a_chunk_of_rows(prepared):
    """A table of many rows, in fine intervals, takes a minute: a budget does not wait for it."""
    rows = np.arange(3 * CHUNK_ROWS)
    dataset = prepared(pd.DataFrame({"x": rows % 97 * 1.5, "y": rows % 89 / 7}), target="y")
    calls = []

    def go_on():
        calls.append(1)
        if len(calls) == 2:
            raise Stopped("the budget ends")

    with pytest.raises(Stopped, match="the budget ends"):
        dataset.arrays("piecewise-48", go_on=go_on)
    assert len(calls) == 2
    assert dataset.arrays("piecewise-48").x_train.shape == (len(dataset.split.train), 48)


def test_a_regression_target_is_standardised_with_training_rows(people, prepared):
    """And its own unit comes back with scale and mean."""
    dataset = prepared(people, target="wage")
    arrays = dataset.arrays("standard")
    train = people["wage"].to_numpy()[dataset.split.train]
    mean, _ = dataset.target_scaling()
    assert mean == pytest.approx(train.mean())
    assert arrays.target_scale == pytest.approx(train.std())
    assert arrays.y_train.mean() == pytest.approx(0, abs=1e-6)
    own = arrays.y_train[:, 0] * arrays.target_scale + mean
    assert np.allclose(own, train, rtol=1e-5)


def test_a_target_may_stay_in_its_own_unit(people, prepared):
    """`data.scale_target=false`, as in the course."""
    dataset = prepared(people, target="wage", scale_target=False)
    arrays = dataset.arrays("standard")
    assert dataset.target_scaling() == (0.0, arrays.target_scale) == (0.0, 1.0)
    assert np.isin(arrays.y_val[:, 0], people["wage"].astype(np.float32)).all()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "c"], ("a", "b", "c")),
        ([3, 1, 7], (1, 3, 7)),
        ([1.0, 0.0, 1.0], (0.0, 1.0)),
        ([True, False, False], (False, True)),
        (["10", "9", "x"], ("10", "9", "x")),
        (["None", "mild", "bad"], ("None", "bad", "mild")),
        ([0.5, 1.5, 2], (0.5, 1.5, 2.0)),
    ],
)
def test_classes_are_the_labels_as_they_were_sorted(prepared, labels, classes):
    """1 stays 1, 1.0 stays 1.0, text stays text."""
    frame = pd.DataFrame({"a": np.arange(60) % 7, "y": labels * 20})
    dataset = prepared(frame, target="y", task=Task.classification)
    assert dataset.classes == classes
    assert [type(label) for label in dataset.classes] == [type(label) for label in classes]
    assert dataset.judged.encode(pd.Series([classes[-1]])).tolist() == [len(classes) - 1]


def test_a_class_reads_the_same_from_a_file_of_another_type(prepared):
    """Tomorrow's rows may hold 1.0 or "1" where the table had 1."""
    dataset = prepared(pd.DataFrame({"a": np.arange(60) % 7, "y": [0, 1] * 30}), target="y")
    for values in ([1, 0], [1.0, 0.0], ["1", "0"], [True, False]):
        assert dataset.judged.encode(pd.Series(values)).tolist() == [1, 0]
    with pytest.raises(DataError, match=r"2 in row 2 .* is none of the classes 0, 1"):
        dataset.judged.encode(pd.Series([0, 2]))


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], Task.classification),
        ([0, 1], Task.classification),
        (list(range(15)), Task.classification),
        (list(range(16)), Task.regression),
        ([0.5, 1.0], Task.regression),
        (["1.5", "2.5", "3.5"], Task.regression),
    ],
)
def test_the_task_follows_the_stated_rule(prepared, values, task):
    """At most 15 different whole numbers are class codes; other numbers are a regression."""
    frame = pd.DataFrame({"a": np.arange(240) % 7, "y": (values * 240)[:240]})
    assert prepared(frame, target="y").regression == (task is Task.regression)


def test_balanced_weights_give_every_class_the_same_total(people, prepared):
    """And validation is never weighted by class."""
    dataset = prepared(people, target="left")
    arrays = dataset.arrays("standard", 0, "balanced")
    totals = arrays.y_train.T @ arrays.train_weight
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)
    assert arrays.train_weight.mean() == pytest.approx(1.0, rel=1e-5)
    assert arrays.val_weight is None


def test_sample_weights_have_mean_one_in_each_part(people, prepared):
    """So that a loss keeps its unit; they multiply with class weights, and are no feature."""
    people["w"] = np.linspace(1, 50, len(people))
    dataset = prepared(people, target="left", weight="w")
    arrays = dataset.arrays("standard")
    own = people["w"].to_numpy()[dataset.split.train]
    assert np.allclose(arrays.train_weight, own / own.mean())
    assert arrays.val_weight.mean() == pytest.approx(1.0, rel=1e-6)
    both = dataset.arrays("standard", 0, "balanced").train_weight
    assert not np.allclose(both, arrays.train_weight)
    assert ("w", "sample weights (data.weight)") in dataset.dropped


def test_the_digest_is_of_content_order_and_split(people, prepared, tmp_path):
    """Not of the file format or the order of columns."""
    same = prepared(people, target="wage").digest
    assert prepared(people[list(reversed(people.columns))], target="wage").digest == same
    people.to_parquet(tmp_path / "t.parquet")
    config = DataConfig(name="x", path=str(tmp_path / "t.parquet"), target="wage")
    assert prepare(config, 0).digest == same
    others = [
        prepared(people, seed=1, target="wage").digest,
        prepared(people[::-1], target="wage").digest,
        prepared(people.assign(children=people["children"] + 1), target="wage").digest,
        prepared(people.rename(columns={"town": "city"}), target="wage").digest,
    ]
    assert len({same, *others}) == 5


def test_rows_without_a_target_are_left_out_where_allowed(people, prepared):
    """And the log says how many."""
    people["wage"] = people["wage"].astype(object)
    people.loc[[3, 50], "wage"] = "?"
    dataset = prepared(people, target="wage", missing_target=MissingTarget.drop)
    assert dataset.rows == 198
    assert dataset.regression
    assert "Left out: 2 rows without a target" in dataset.notes[0]


def test_a_group_or_id_column_is_no_feature(people, prepared):
    """Neither is the content of a row that only identifies it."""
    people["house"] = np.arange(200) // 4
    people["key"] = [f"k{number}" for number in range(200)]
    dataset = prepared(people, target="wage", group="house")
    for train, validation in dataset.split.folds:
        assert not set(people["house"][train]) & set(people["house"][validation])
    assert ("house", "keeps rows together (data.group)") in dataset.dropped
    hashed = prepared(people, target="wage", id="key", split=SplitKind.hash)
    assert ("key", "identifies rows (data.id)") in hashed.dropped


def test_a_group_may_be_hashed(people, prepared):
    """Then it keeps its side tomorrow, whole."""
    people["house"] = np.arange(200) // 4
    dataset = prepared(people, target="wage", group="house", split=SplitKind.hash)
    sides = [set(people["house"][rows]) for rows in (dataset.split.train, dataset.split.validation)]
    assert not sides[0] & sides[1]


def test_time_orders_the_parts_and_leaves_the_calendar_as_features(people, prepared):
    """Elapsed days would lie outside the training range in every later row."""
    dataset = prepared(people.sample(frac=1, random_state=0), target="wage", time="joined")
    days = [dataset.frame["joined"].iloc[dataset.part(p)] for p in ("train", "validation", "test")]
    assert days[0].max() < days[1].min() <= days[1].max() < days[2].min()
    joined = next(column for column in dataset.columns if column.name == "joined")
    assert joined.parts[:2] == ("month", "weekday")
    assert not {"year", "elapsed days"} & set(joined.parts)
    people["joined"] = np.arange(200)
    assert ("joined", "orders the rows (data.time)") in prepared(
        people, target="wage", time="joined"
    ).dropped


def test_a_separate_file_gives_the_test_rows(people, prepared, tmp_path):
    """Columns in another order, extra ones ignored; the table itself gives none."""
    other = people[:40].assign(extra=1)
    other[list(reversed(other.columns))].to_parquet(tmp_path / "other.parquet")
    dataset = prepared(people, target="wage", test_path=str(tmp_path / "other.parquet"))
    assert len(dataset.split.test) == 40
    assert len(dataset.split.train) + len(dataset.split.validation) == 200
    assert np.allclose(dataset.judged.numbers[dataset.split.test], people["wage"][:40])


def test_test_rows_that_are_rows_of_the_table_are_no_test(people, prepared, tmp_path):
    """The same file twice, or a part of it: said before any score, wherever a severe fact is."""
    for share, said in ((200, "All 200 rows of data.test_path"), (50, "50 of the 100 rows of")):
        other = people.tail(100).assign(wage=lambda rows: rows["wage"] + 1000.5)
        other = pd.concat([people[:share], other])[: max(share, 100)]
        other.to_csv(tmp_path / "other.csv", index=False)
        dataset = prepared(people, target="wage", test_path=str(tmp_path / "other.csv"))
        fact = dataset.facts[0]
        assert fact.attention == "severe"
        assert fact.sentence.startswith(said)
        assert not any("data.split=hash" in note for note in dataset.notes)


def test_test_rows_that_repeat_as_the_table_does_are_a_test(prepared, tmp_path):
    """Few different rows are the same on both sides by chance."""
    frame = pd.DataFrame({"a": np.arange(200) % 5, "y": np.arange(200) % 3 / 2})
    frame[:50].to_parquet(tmp_path / "other.parquet")
    dataset = prepared(frame, target="y", test_path=str(tmp_path / "other.parquet"))
    assert dataset.facts[0].attention == "none"


def test_a_class_without_training_rows_is_noted(prepared):
    """Its rows can only be predicted wrong."""
    frame = pd.DataFrame({"a": np.arange(60) % 7, "y": ["a", "b"] * 25 + ["c"] * 10})
    dataset = prepared(frame, target="y", split=SplitKind.last, test_fraction=0.0)
    assert "Class 'c' has no training row: it cannot be predicted." in dataset.notes


def test_repeated_rows_are_noted(prepared):
    """They may stand on both sides of a random split; hashing keeps them together."""
    frame = pd.DataFrame({"a": np.arange(60) % 25, "y": np.arange(60) % 25 / 2})
    assert any("repeat another row" in note for note in prepared(frame, target="y").notes)
    answers = prepared(frame % 5, target="y")  # to few questions: they are the same by nature
    assert not any("repeat another row" in note for note in answers.notes)
    hashed = prepared(frame, target="y", split=SplitKind.hash, test_fraction=0.0, folds=2)
    assert not hashed.notes


def test_large_tables_are_encoded_in_pieces_with_the_same_result(people, prepared, monkeypatch):
    """The last piece may be smaller."""
    whole = prepared(people, target="wage").arrays("robust").x_train
    monkeypatch.setattr("pipeline.data.dataset.CHUNK_ROWS", 13)
    assert np.array_equal(prepared(people, target="wage").arrays("robust").x_train, whole)


def test_columns_left_out_by_rule_can_be_kept(prepared):
    """The log says how, and `data.keep` does it."""
    frame = pd.DataFrame({"income": np.arange(80) * 37 % 81, "a": np.arange(80) % 7})
    frame["y"] = frame["income"] / 7
    dataset = prepared(frame, target="y")
    assert dataset.dropped[0][0] == "income"
    assert "Columns left out by rule (income) are kept where data.keep names them." in dataset.notes
    kept = prepared(frame, target="y", keep=["income"])
    assert kept.dropped == ()
    assert kept.input_shape("standard") == (2,)


@pytest.mark.parametrize("split", [SplitKind.random, SplitKind.hash])
def test_rows_of_a_group_belong_together(people, prepared, split):
    """However they were assigned; a column that is unique groups nothing."""
    people["storm"] = np.arange(200) // 8
    dataset = prepared(people, target="wage", group="storm", split=split)
    rows = dataset.part("validation")
    codes = dataset.clusters(rows)
    storms = people["storm"].to_numpy()[rows]
    assert len(np.unique(codes)) == len(np.unique(storms))
    assert len(np.unique(np.stack([codes, storms]), axis=1).T) == len(np.unique(storms))
    people["storm"] = np.arange(200)
    assert prepared(people, target="wage", group="storm", split=split).clusters(rows) is None
    assert prepared(people, target="wage", split=split, drop=["storm"]).clusters(rows) is None


def test_rows_in_order_of_time_belong_to_blocks(people, prepared):
    """Contiguous in time, wherever they stand in the file."""
    mixed = people.sample(frac=1.0, random_state=3, ignore_index=True)
    dataset = prepared(mixed, target="wage", time="joined")
    rows = np.sort(dataset.part("validation"))
    codes = dataset.clusters(rows)
    order = np.argsort(pd.to_datetime(mixed["joined"]).to_numpy()[rows])
    assert (np.diff(codes[order]) >= 0).all()
    assert 2 <= len(np.unique(codes)) <= 20


def test_a_constant_loses_by_every_objective(people, prepared):
    """The yardstick of gains: about 1 for a scaled number, the entropy of the classes."""
    numbers = prepared(people, target="wage")
    assert constant_loss(numbers, "val_loss") == pytest.approx(1.0, rel=0.3)
    assert constant_loss(numbers, "val_rmse") == pytest.approx(people["wage"].std(), rel=0.3)
    assert constant_loss(numbers, "val_mae") < constant_loss(numbers, "val_rmse")
    classes = prepared(people, target="left")
    known = people["left"].to_numpy()[classes.split.known]
    share = np.mean(known == "yes")
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert constant_loss(classes, "val_loss") == pytest.approx(entropy)
    assert constant_loss(classes, "val_accuracy") == pytest.approx(share)
    assert constant_loss(classes, "val_auc") == 0.5
    assert constant_loss(classes, "val_mae") is None
