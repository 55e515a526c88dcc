"""The last pass scores every model by its own definition; without k-fold, on one split."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.losses import row_losses
from pipeline.evaluation.baselines import BASELINES, fit_baselines
from pipeline.evaluation.final import Terms, Verdicts, evaluate, optimism, score_incumbent
from pipeline.evaluation.scores import all_scores

PARTS = ("validation", "test")


def linear(slope):
    """Return a network that looks at its rows; float32, as Keras' are."""

    def model(x, training):
        assert training is False
        return (slope * x[:, :1] + 0.1 * x[:, 1:2]).astype(np.float32)

    return model


def softmax(slope):
    """Return a network for three classes."""

    def model(x, training):
        raw = np.exp(slope * np.stack([-x[:, 0], 0 * x[:, 0], x[:, 0]], axis=1))
        return raw / raw.sum(axis=1, keepdims=True)

    return model


def direct(dataset, part, predicted):
    """Return the scores of predictions for a part, computed from the data set alone."""
    return all_scores(
        dataset.encoded_targets(dataset.part(part)),
        predicted,
        regression=dataset.regression,
        target_scale=dataset.target_scaling()[1],
        weights=dataset.sample_weight(dataset.part(part)),
        clusters=dataset.clusters(dataset.part(part)),
    )


@pytest.mark.parametrize("target", ["price", "size"])
@pytest.mark.parametrize("options", [{}, {"weight": "counts"}, {"time": "day"}])
def test_without_folds_every_model_is_scored_as_it_predicts(prepared, member, target, options):
    """Single, ensemble and baselines, on validation and test rows: to the last digit."""
    dataset = prepared(target, **options)
    network = linear if target == "price" else softmax
    models = [network(0.5), network(0.9), network(-0.2)]
    members = [member(model, number) for number, model in enumerate(models)]
    found = evaluate(
        dataset, {"single": [members[1]], "ensemble": members}, champion="single", seed=3
    )
    baselines = fit_baselines(dataset.arrays("standard"), 3)
    assert list(found.validation) == list(found.test) == ["single", "ensemble", *BASELINES]
    for part in PARTS:
        x = dataset.encode(dataset.features(part), "standard")
        each = [np.float64(model(x, training=False)) for model in models]
        predicted = {"single": each[1], "ensemble": np.mean(each, axis=0)}
        predicted |= {name: predict(x) for name, predict in baselines.items()}
        for name, outputs in predicted.items():
            assert getattr(found, part)[name] == direct(dataset, part, outputs), (part, name)


@pytest.mark.parametrize(("fraction", "part"), [(0.2, "test"), (0.0, "validation")])
@pytest.mark.parametrize("time", [None, "day"])
def test_the_champions_predictions_stand_beside_the_truth(prepared, member, fraction, part, time):
    """In the target's own unit, row by row in the order of the part."""
    dataset = prepared(test_fraction=fraction, time=time)
    members = [member(linear(0.5)), member(linear(0.9), 1)]
    table = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion="ensemble", seed=0
    ).predictions
    rows = dataset.part(part)
    assert table["row"].tolist() == (rows + 1).tolist()  # counted as messages count
    assert set(table["part"]) == {part}
    assert table["truth"].tolist() == dataset.judged.numbers[rows].tolist()
    x = dataset.encode(dataset.features(part), "standard")
    mean, scale = dataset.target_scaling()
    expected = (0.7 * x[:, 0] + 0.1 * x[:, 1]) * scale + mean
    np.testing.assert_allclose(table["prediction"], expected, rtol=1e-6)


def test_predicted_classes_have_their_labels_and_shares(prepared, member):
    """A column a class; the prediction is the likeliest."""
    dataset = prepared("size")
    only = member(softmax(0.8))
    table = evaluate(
        dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0
    ).predictions
    shares = table[["probability_l", "probability_m", "probability_s"]].to_numpy()
    expected = softmax(0.8)(dataset.encode(dataset.features("test"), "standard"), training=False)
    np.testing.assert_allclose(shares, expected)
    assert table["prediction"].tolist() == [dataset.classes[best] for best in shares.argmax(1)]
    codes = dataset.judged.numbers[dataset.split.test]
    assert table["truth"].tolist() == [dataset.classes[code] for code in codes]


def test_the_incumbent_predicts_raw_test_rows(prepared, member):
    """It gets the user's own columns and is scored as all others are."""
    dataset = prepared(test_fraction=0.25)
    only = member(linear(0.5))

    def incumbent(raw):
        assert raw.equals(dataset.features("test"))
        return raw[["wave"]].to_numpy() * 2

    found = evaluate(
        dataset,
        {"single": [only], "ensemble": [only]},
        champion="single",
        seed=0,
        incumbent=incumbent,
    )
    outputs = dataset.features("test")[["wave"]].to_numpy() * 2
    assert found.test["incumbent"] == direct(dataset, "test", outputs)
    assert "incumbent" not in found.validation
    assert found.test_row_losses["incumbent"].shape == found.test_row_losses["single"].shape


@pytest.mark.parametrize("folds", [None, 3])
def test_losses_that_are_paired_come_with_their_weights(prepared, member, folds):
    """Else a model could win the promotion by rows that hardly count."""
    dataset = prepared(weight="counts", test_fraction=0.3, folds=folds)
    only = member(linear(0.5))
    found = evaluate(dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0,
        incumbent=lambda raw: raw[["wave"]].to_numpy()
    )  # fmt: skip
    assert set(found.test_row_losses) == {"single", "ensemble", *BASELINES, "incumbent"}
    for name, losses in found.test_row_losses.items():
        mean = np.average(losses, weights=found.test_weights)
        assert mean == pytest.approx(found.test[name]["loss"], rel=1e-9), name


@pytest.mark.parametrize("folds", [None, 3])
@pytest.mark.parametrize("weight", [None, "counts"])
def test_every_model_is_compared_with_the_champion_on_the_same_rows(
    prepared, member, folds, weight
):
    """The lag is the difference of the two weighted losses, its error that of the paired rows."""
    dataset = prepared(weight=weight, test_fraction=0.3, folds=folds)
    only = member(linear(0.5))
    found = evaluate(dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0)
    assert set(found.lags["test"]) == {"ensemble", *BASELINES}
    for name, lag in found.lags["test"].items():
        gap = found.test[name]["loss"] - found.test["single"]["loss"]
        assert lag.mean == pytest.approx(gap, rel=1e-6, abs=1e-9)
    assert found.lags["test"]["ensemble"].se < 1e-9  # the same network: no noise, whatever its own
    if folds:
        assert not np.isclose(found.validation["linear"]["loss"], found.validation["single"]["loss"]
                              + found.lags["validation"]["linear"].mean)  # fmt: skip
    rise = found.rises["linear"]
    before, after = found.lags["validation"]["linear"], found.lags["test"]["linear"]
    assert rise.mean == pytest.approx(before.mean - after.mean)


def test_an_incumbent_that_fails_does_not_cost_the_champion(prepared, member):
    """Its own code, or what it predicts, may be broken: it has no scores, and the reason is returned."""
    dataset = prepared(test_fraction=0.25)
    only = member(linear(0.5))

    def broken(raw):
        raise KeyError("wave")

    found = evaluate(
        dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0, incumbent=broken
    )
    assert "incumbent" not in found.test
    assert "does not predict these rows ('wave')" in score_incumbent(dataset, found, broken)
    endless = score_incumbent(dataset, found, lambda raw: np.full((len(raw), 1), np.nan))
    assert endless == "its predictions are not finite"


def test_baselines_are_fitted_with_the_class_weights_of_the_networks(prepared, member):
    """Else they are judged by rare classes that only the networks were told to mind."""
    dataset = prepared("size")
    only = member(softmax(0.8))
    plain, balanced = (
        evaluate(
            dataset,
            {"single": [only], "ensemble": [only]},
            champion="single",
            seed=0,
            terms=Terms("val_loss", weighting),
        )
        for weighting in ("none", "balanced")
    )
    assert balanced.test["constant"]["loss"] == pytest.approx(np.log(3), rel=1e-3)
    assert plain.test["constant"]["loss"] != pytest.approx(np.log(3), rel=1e-3)


def test_without_weights_row_losses_are_plain(prepared, member):
    """Every row counts once."""
    dataset = prepared()
    only = member(linear(0.5))
    found = evaluate(dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0)
    predicted = linear(0.5)(dataset.encode(dataset.features("test"), "standard"), False)
    truth = dataset.encoded_targets(dataset.split.test)
    plain = row_losses(truth, predicted, regression=True)
    assert np.array_equal(found.test_row_losses["single"], plain)


def test_without_test_rows_nothing_is_tested(prepared, member):
    """Not the incumbent either: it is not even asked."""
    dataset = prepared(test_fraction=0.0)
    only = member(linear(0.5))
    found = evaluate(
        dataset,
        {"single": [only], "ensemble": [only]},
        champion="single",
        seed=0,
        incumbent=pytest.fail,
    )
    assert found.test == {}
    assert found.test_row_losses == {}
    assert set(found.validation) == {"single", "ensemble", *BASELINES}
    assert optimism(found, "single") is None


def test_many_rows_pass_in_pieces(prepared, member, monkeypatch):
    """The bound on rows at a time does not change what is predicted."""
    dataset = prepared()
    only = member(linear(0.5))
    whole = evaluate(dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0)
    monkeypatch.setattr("pipeline.evaluation.final.CHUNK", 7)
    assert (
        evaluate(dataset, {"single": [only], "ensemble": [only]}, champion="single", seed=0).test
        == whole.test
    )


@pytest.mark.parametrize("champion", ["single", "ensemble"])
def test_optimism_is_test_minus_validation_of_the_champion(prepared, member, champion):
    """Of the same model, in the same unit."""
    dataset = prepared()
    members = [member(linear(0.5)), member(linear(0.9), 1)]
    found = evaluate(
        dataset, {"single": [members[0]], "ensemble": members}, champion=champion, seed=0
    )
    gap = found.test[champion]["loss"] - found.validation[champion]["loss"]
    assert optimism(found, champion) == gap


def test_optimism_needs_both_scores():
    """A model that one side lacks has none."""
    found = Verdicts(validation={"single": {"loss": 0.5}}, test={"ensemble": {"loss": 0.75}})
    assert optimism(found, "single") is None
    assert optimism(found, "ensemble") is None
    found.test["single"] = {"loss": 0.75}
    assert optimism(found, "single") == 0.25
