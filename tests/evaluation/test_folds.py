"""With k-fold no model is scored on a row that it has trained on, and every fold counts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.dataset import Dataset
from pipeline.data.split import Split
from pipeline.evaluation import final
from pipeline.evaluation.baselines import BASELINES, fit_baselines
from pipeline.evaluation.final import evaluate, optimism
from pipeline.evaluation.folds import Average, Unseen
from pipeline.evaluation.scores import all_scores

WAYS = [{"folds": 4}, {"folds": 3, "repeats": 2}, {"folds": 4, "time": "day"}]
ALL = ("single", "ensemble", *BASELINES)


def one_a_fold(dataset, member, model):
    """Return a member of every fold; `model(fold)` is its network."""
    return [member(model(fold), fold, fold) for fold in range(len(dataset.split.folds))]


def own(dataset, fold, outputs):
    """Return a fold's outputs as predictions in the target's own unit."""
    mean, scale = dataset.target_scaling(fold)
    return np.asarray(outputs) * scale + mean


def validated_by(dataset):
    """Return the folds that validate each row, by row number."""
    found: dict[int, list[int]] = {}
    for fold, (_, validation) in enumerate(dataset.split.folds):
        for row in validation.tolist():
            found.setdefault(row, []).append(fold)
    return found


def direct(dataset, predicted):
    """Return the scores of predictions in the target's own unit, by row number."""
    rows = np.array(list(predicted))
    mean, scale = dataset.target_scaling()
    return all_scores(
        dataset.encoded_targets(rows),
        (np.array(list(predicted.values()))[:, None] - mean) / scale,
        regression=True,
        target_scale=scale,
        weights=dataset.sample_weight(rows),
        clusters=dataset.clusters(rows),
    )


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("fold", [0, 2])
def test_what_a_network_knows_by_heart_earns_nothing(prepared, member, memory, options, fold):
    """Networks that only remember score like the mean of their own training rows, fold by fold."""
    dataset = prepared(**options)
    members = one_a_fold(dataset, member, lambda fold: memory(dataset, fold))
    found = evaluate(
        dataset, {"single": [members[fold]], "ensemble": members}, champion="ensemble", seed=0
    )
    mine = own(dataset, fold, 0)
    alone = direct(dataset, dict.fromkeys(dataset.split.folds[fold][1].tolist(), mine))
    together = direct(
        dataset,
        {
            row: np.mean([own(dataset, one, 0) for one in folds])
            for row, folds in validated_by(dataset).items()
        },
    )
    assert found.validation["single"] == pytest.approx(alone, rel=1e-6, abs=1e-6)
    assert found.validation["ensemble"] == pytest.approx(together, rel=1e-6, abs=1e-6)
    gap = found.test["ensemble"]["loss"] - found.validation["ensemble"]["loss"]
    assert optimism(found, "ensemble") == gap


@pytest.mark.parametrize("options", WAYS)
def test_classes_learned_by_heart_earn_nothing(prepared, member, memory, options):
    """Equal shares for three classes cost log(3) a row."""
    dataset = prepared("size", **options)
    members = one_a_fold(dataset, member, lambda fold: memory(dataset, fold))
    found = evaluate(
        dataset, {"single": [members[1]], "ensemble": members}, champion="ensemble", seed=0
    )
    for name in ("single", "ensemble"):
        assert found.validation[name]["loss"] == pytest.approx(np.log(3), rel=1e-9)
        assert found.validation[name]["loss_se"] == pytest.approx(0, abs=1e-9)
        assert found.test[name]["loss"] == pytest.approx(np.log(3), rel=1e-9)


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("weight", [None, "counts"])
def test_each_row_is_predicted_by_the_folds_that_validate_it(
    prepared, member, constant, options, weight
):
    """Every fold's network predicts another value: the average tells who has predicted."""
    dataset = prepared(weight=weight, **options)
    members = one_a_fold(dataset, member, lambda fold: constant(0.1 * fold * fold))
    found = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    )
    values = [own(dataset, one, 0.1 * one * one) for one in range(len(members))]
    expected = direct(
        dataset,
        {row: np.mean([values[f] for f in folds]) for row, folds in validated_by(dataset).items()},
    )
    assert found.validation["ensemble"] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    tested = direct(dataset, dict.fromkeys(dataset.split.test.tolist(), np.mean(values)))
    assert found.test["ensemble"] == pytest.approx(tested, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("options", WAYS)
def test_predictions_without_test_rows_are_out_of_fold(prepared, member, memory, options):
    """Row, truth and prediction belong together; no row was learned by heart."""
    dataset = prepared(test_fraction=0.0, **options)
    members = one_a_fold(dataset, member, lambda fold: memory(dataset, fold))
    table = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    ).predictions
    by = validated_by(dataset)
    assert set(table["part"]) == {"validation"}
    rows = table["row"] - 1  # counted from 1
    assert sorted(rows) == sorted(by)
    assert table["truth"].tolist() == dataset.judged.numbers[rows].tolist()
    expected = [np.mean([own(dataset, fold, 0) for fold in by[row]]) for row in rows]
    np.testing.assert_allclose(table["prediction"], expected, rtol=1e-9)


def test_predictions_of_the_single_model_are_of_its_own_fold(prepared, member, memory):
    """The others' rows it has trained on."""
    dataset = prepared(test_fraction=0.0, folds=4)
    members = one_a_fold(dataset, member, lambda fold: memory(dataset, fold))
    table = evaluate(
        dataset, {"single": [members[2]], "ensemble": members}, champion="single", seed=0
    ).predictions
    assert (table["row"] - 1).tolist() == dataset.split.folds[2][1].tolist()


def test_predictions_over_time_are_in_order_of_time(prepared, member, constant, table):
    """The oldest rows are validated by no fold and have no prediction."""
    dataset = prepared(test_fraction=0.0, folds=4, time="day")
    members = one_a_fold(dataset, member, lambda _: constant(0.0))
    found = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    ).predictions
    days = table["day"].iloc[found["row"] - 1]
    assert days.is_monotonic_increasing
    assert days.min() > table["day"].iloc[dataset.split.folds[0][0]].max()
    assert len(found) == len(table) - len(dataset.split.folds[0][0])


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("weight", [None, "counts"])
def test_baselines_are_fitted_once_a_fold(prepared, member, constant, options, weight):
    """Out-of-fold on validation rows, averaged on test rows, as the ensemble."""
    dataset = prepared(weight=weight, **options)
    members = one_a_fold(dataset, member, lambda _: constant(0.0))
    found = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=5
    )
    validation = {name: {} for name in BASELINES}
    tested = {name: [] for name in BASELINES}
    for fold, (_, rows) in enumerate(dataset.split.folds):
        x_test = dataset.encode(dataset.features("test"), "standard", fold)
        arrays = dataset.arrays("standard", fold)
        for name, predict in fit_baselines(arrays, 5).items():
            for row, one in zip(rows, own(dataset, fold, predict(arrays.x_val)[:, 0]), strict=True):
                validation[name].setdefault(int(row), []).append(one)
            tested[name].append(own(dataset, fold, predict(x_test)[:, 0]))
    for name in BASELINES:
        means = {row: np.mean(ones) for row, ones in validation[name].items()}
        assert found.validation[name] == pytest.approx(direct(dataset, means), rel=1e-6), name
        test = dict(zip(dataset.split.test.tolist(), np.mean(tested[name], axis=0), strict=True))
        assert found.test[name] == pytest.approx(direct(dataset, test), rel=1e-6), name


def test_a_fold_that_failed_leaves_its_rows_out(prepared, member, constant):
    """Only networks that there are can predict."""
    dataset = prepared(test_fraction=0.0, folds=4)
    members = one_a_fold(dataset, member, lambda _: constant(0.0))[1:3]
    table = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    ).predictions
    expected = np.concatenate([dataset.split.folds[fold][1] for fold in (1, 2)])
    assert sorted(table["row"] - 1) == sorted(expected)


def test_rows_are_encoded_and_predicted_once_whatever_models_are_scored(
    prepared, member, constant, monkeypatch
):
    """On a large table that takes seconds, which a budget has not reserved several times."""
    dataset = prepared()
    dataset.arrays("standard")
    encoded: list[int] = []
    real = Dataset.encode
    monkeypatch.setattr(
        Dataset, "encode", lambda self, raw, *a: encoded.append(len(raw)) or real(self, raw, *a)
    )
    predicted: list[int] = []
    forward = final.forward
    monkeypatch.setattr(
        final, "forward", lambda model, x: predicted.append(len(x)) or forward(model, x)
    )
    models = [member(constant(n), n) for n in range(3)]
    evaluate(dataset, {"single": models[:1], "ensemble": models}, champion="single", seed=0)
    assert encoded == [len(dataset.split.test)]
    assert predicted == 3 * [len(dataset.split.validation)] + 3 * encoded


def test_networks_of_one_fold_are_averaged(prepared, member, constant):
    """Two seeds of the same fold share its validation rows."""
    dataset = prepared(test_fraction=0.0, folds=2)
    members = [
        member(constant(0.2), 0, 0), member(constant(0.6), 1, 0), member(constant(0.1), 2, 1)
    ]  # fmt: skip
    table = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    ).predictions
    by_row = dict(zip(table["row"] - 1, table["prediction"], strict=True))
    for fold, mean in ((0, 0.4), (1, 0.1)):
        predicted = [by_row[row] for row in dataset.split.folds[fold][1]]
        np.testing.assert_allclose(predicted, own(dataset, fold, mean), rtol=1e-6)


def test_every_model_has_both_scores_with_folds(prepared, member, memory):
    """The report shows them side by side."""
    dataset = prepared("size", folds=3)
    members = one_a_fold(dataset, member, lambda fold: memory(dataset, fold))
    found = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    )
    assert tuple(found.validation) == tuple(found.test) == ALL


@given(
    rows=st.lists(st.integers(0, 50), min_size=1, max_size=20, unique=True),
    chosen=st.lists(st.integers(0, 2**20 - 1), max_size=6),
)
def test_an_average_keeps_rows_apart(rows, chosen):
    """Whatever rows come in, in whatever order: each has the mean of its own predictions."""
    average = Average(np.array(rows), 2)
    expected = {row: [np.array([row, 1.0])] for row in rows}
    average.add(np.array(rows[::-1]), np.array([[row, 1.0] for row in rows[::-1]]))
    for number, bits in enumerate(chosen):
        some = np.array([row for at, row in enumerate(rows) if bits >> at & 1], dtype=np.int64)
        outputs = np.stack([some * number, some - number], axis=1).astype(np.float64)
        average.add(some, outputs)
        for row, output in zip(some.tolist(), outputs, strict=True):
            expected[row].append(output)
    np.testing.assert_allclose(average.outputs, [np.mean(expected[row], axis=0) for row in rows])


def test_classes_are_averaged_as_they_are():
    """Probabilities have no unit that differs from fold to fold."""
    rows = np.arange(4)
    folds = ((rows[2:], rows[:2]), (rows[:2], rows[2:]))
    split = Split(*folds[0], np.array([4]), folds)
    unseen = Unseen(SimpleNamespace(split=split, outputs=2, regression=False), [0, 1])
    unseen.add(0, {"validation": np.array([[1, 0], [0, 1]]), "test": np.array([[0.2, 0.8]])})
    unseen.add(1, {"validation": np.array([[0.5, 0.5]] * 2), "test": np.array([[0.6, 0.4]])})
    assert unseen.validation.rows.tolist() == [0, 1, 2, 3]
    assert unseen.validation.outputs.tolist() == [[1, 0], [0, 1], [0.5, 0.5], [0.5, 0.5]]
    np.testing.assert_allclose(unseen.test.outputs, [[0.4, 0.6]])
