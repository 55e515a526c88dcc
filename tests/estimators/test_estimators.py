"""The scikit-learn estimators: what a person who knows scikit-learn expects of them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score

from pipeline.estimators import CapacityClassifier, CapacityRegressor

pytestmark = pytest.mark.slow

SMALL = {
    "search": "grid",
    "search.space.architectures": [[16]],
    "search.learning_rate.values": [0.01],
    "training.epochs": 40,
    "training.executions": 1,
}
"""One network: what a sweep finds is tested elsewhere."""
FLATS = 240


def flats() -> tuple[pd.DataFrame, pd.Series]:
    """Return rows of every common dtype, in odd order of the index, and labels that look like others."""
    draw = np.random.default_rng(0)
    size = draw.normal(70, 20, FLATS)
    city = draw.choice(["Bern", "Ulm", "Rom"], FLATS)
    rows = pd.DataFrame(
        {
            "size": np.where(draw.random(FLATS) < 0.1, np.nan, size),
            "city": pd.Categorical(city),
            "rooms": pd.array(draw.integers(1, 6, FLATS), dtype="Int64"),
            "built": pd.Timestamp("2000-01-01")
            + pd.to_timedelta(draw.integers(0, 9000, FLATS), "D"),
            "new": draw.random(FLATS) < 0.5,
        },
        index=draw.permutation(FLATS) + 1000,
    )
    label = np.where(size + 20 * (city == "Rom") > 75, "NA", "1.0")
    return rows, pd.Series(label, index=rows.index, name="label")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Change to an empty folder for the sweeps of this module."""
    folder, before = tmp_path_factory.mktemp("estimators"), Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def classifier(place: Path) -> CapacityClassifier:
    """Return one that is fitted on the flats, with groups, and with weights of which some are 0."""
    rows, label = flats()
    weights = np.where(np.arange(FLATS) % 10, 1.0 + np.arange(FLATS) % 2, 0.0)
    made = CapacityClassifier(random_state=3, overrides=SMALL)
    return made.fit(rows, label, sample_weight=weights, groups=np.arange(FLATS) // 2)


@pytest.fixture(scope="module")
def regressor(place: Path) -> CapacityRegressor:
    """Return one that is fitted on an array."""
    rows = np.random.default_rng(1).normal(size=(200, 3))
    return CapacityRegressor(overrides=SMALL).fit(rows, 5.0 * rows[:, 0] - 3.0)


def test_labels_and_probabilities_are_in_the_order_of_classes(
    classifier: CapacityClassifier,
) -> None:
    """Labels come back as they were, however a reader of files would take them."""
    rows, label = flats()
    assert classifier.classes_.tolist() == ["1.0", "NA"]
    shares = classifier.predict_proba(rows)
    assert shares.shape == (FLATS, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    predicted = classifier.predict(rows)
    assert (predicted == classifier.classes_[shares.argmax(axis=1)]).all()
    assert classifier.score(rows, label) == accuracy_score(label, predicted) > 0.8


def test_the_order_of_rows_does_not_matter(classifier: CapacityClassifier) -> None:
    """Nor does what else is predicted with them."""
    rows, _ = flats()
    order = np.random.default_rng(0).permutation(FLATS)
    right = classifier.predict_proba(rows)
    np.testing.assert_allclose(classifier.predict_proba(rows.iloc[order]), right[order], rtol=1e-5)
    np.testing.assert_allclose(classifier.predict_proba(rows.iloc[3:4]), right[3:4], rtol=1e-5)


def test_what_was_given_reaches_the_sweep(classifier: CapacityClassifier) -> None:
    """Weights, groups and the seed; rows of weight 0 are left out, no row is kept for a test."""
    from pipeline.session import results

    config = results.read(classifier.sweep_id_).config
    assert config["data.weight"] == "sample_weight"
    assert config["data.group"] == "groups"
    assert str(config["seed"]) == "3"
    assert float(config["data.test_fraction"]) == 0.0


def test_a_fitted_one_says_what_it_found(classifier: CapacityClassifier, tmp_path: Path) -> None:
    """Answer, champion, table of trials, report and figure."""
    assert "16 units" in classifier.answer_
    assert classifier.champion_["capacity"] == "1x16"
    assert classifier.results_.loc[0, "capacity"] == "1x16"
    assert Path(classifier.report(tmp_path / "page.html")).stat().st_size > 10_000
    assert classifier.figure("capacity").data


def test_an_array_is_a_table_of_numbers(regressor: CapacityRegressor) -> None:
    """A regression comes back in its own unit."""
    rows = np.random.default_rng(2).normal(size=(50, 3))
    assert r2_score(5.0 * rows[:, 0] - 3.0, regressor.predict(rows)) > 0.5
    assert regressor.n_features_in_ == 3
    assert not hasattr(regressor, "feature_names_in_")


def test_a_pickle_needs_no_store(classifier: CapacityClassifier, tmp_path: Path) -> None:
    """Another process, another folder: the same numbers."""
    rows, _ = flats()
    (tmp_path / "fitted.pkl").write_bytes(pickle.dumps((classifier, rows)))
    script = (
        "import pickle, numpy as np; c, rows = pickle.load(open('fitted.pkl', 'rb')); "
        "np.save('shares.npy', c.predict_proba(rows))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "shares.npy"), classifier.predict_proba(rows))
    assert not (tmp_path / "mlruns").exists()


def test_parameters_are_plain(classifier: CapacityClassifier) -> None:
    """`fit` changes none; a clone has them and is not fitted."""
    copy = clone(classifier)
    assert copy.get_params() == classifier.get_params()
    assert not hasattr(copy, "classes_")
    with sklearn.config_context(enable_metadata_routing=True):
        routed = copy.set_fit_request(sample_weight=True, groups=True).get_metadata_routing()
    assert routed.fit.requests == {"sample_weight": True, "groups": True}


def test_other_columns_are_refused(classifier: CapacityClassifier) -> None:
    """In scikit-learn's words, and where a column cannot be read, in ours."""
    rows, _ = flats()
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(rows.rename(columns={"size": "area"}))
    with pytest.raises(ValueError, match="column 'size' should hold a number"):
        classifier.predict(rows.assign(size="large"))


@pytest.mark.parametrize(
    ("rows", "target", "weights", "said"),
    [
        (np.zeros(20), range(20), None, "(?i)expected 2d array"),
        (np.full((20, 2), np.inf), range(20), None, "infinity"),
        (np.zeros((20, 2)), range(19), None, "inconsistent numbers of samples"),
        (np.zeros((20, 2)), [np.nan] * 20, None, "NaN"),
        (np.zeros((20, 2)), range(20), [-1.0] * 20, "(?i)negative"),
        (np.zeros((1, 2)), range(1), None, "1 sample"),
        (pd.DataFrame(index=range(20)), range(20), None, "0 feature"),
    ],
)
def test_bad_input_is_a_value_error(
    rows: Any, target: Any, weights: Any, said: str, workplace: Path
) -> None:
    """Before anything is trained or recorded."""
    with pytest.raises(ValueError, match=said):
        CapacityRegressor(overrides=SMALL).fit(rows, list(target), sample_weight=weights)
    assert not (workplace / "outputs").exists()


@pytest.mark.parametrize(
    ("target", "labels"),
    [
        ([" a", "b "], [" a", "b "]),
        (pd.Series([1, 2], dtype="Int64"), [1, 2]),
        (pd.Series([True, False], dtype="boolean"), [False, True]),
        (pd.Series([1, 2], dtype="int64[pyarrow]"), [1, 2]),
        (pd.Series(["b", "a"], dtype="category"), ["a", "b"]),
    ],
    ids=["blanks", "Int64", "boolean", "arrow", "category"],
)
def test_labels_of_any_dtype_stay_what_they_are(target: Any, labels: list[Any]) -> None:
    """Whole numbers stay whole, truths stay truths, and blanks around a text do not lose its column."""
    made = CapacityClassifier()
    column = made._target(pd.DataFrame({"size": range(2)}), target)
    assert made.classes_.tolist() == labels
    assert [type(label) for label in made.classes_.tolist()] == [*map(type, labels)]
    assert made._labels == [str(label).strip() for label in labels]
    assert set(column) == set(made._labels)


def test_a_target_called_like_a_column_gets_a_name_of_its_own() -> None:
    """`size ` is the same column as `size` for whoever reads the table."""
    made = CapacityClassifier()
    named = made._target(pd.DataFrame({"size": range(2)}), pd.Series([1, 2], name="size "))
    assert named.name == "size _"


@pytest.mark.parametrize(
    "target",
    [
        pd.Series(["a", pd.NA], dtype="string"),
        pd.Series(["a", None], dtype=object),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", 1, 2.5], dtype=object),
    ],
    ids=["string", "None", "Int64", "mixed"],
)
def test_labels_that_are_none_are_a_value_error(target: Any) -> None:
    """In words, not as a comparison that failed."""
    with pytest.raises(ValueError, match=r"contains NaN|cannot be told apart"):
        CapacityClassifier()._target(pd.DataFrame({"size": range(len(target))}), target)


def test_sparse_rows_are_refused_as_scikit_learn_does(workplace: Path) -> None:
    """A TypeError there."""
    with pytest.raises(TypeError, match="dense data is required"):
        CapacityRegressor(overrides=SMALL).fit(sparse.eye(20).tocsr(), range(20))


def test_one_class_is_a_value_error(workplace: Path) -> None:
    """There is nothing to tell apart."""
    with pytest.raises(ValueError, match="one class, 'yes'"):
        CapacityClassifier(overrides=SMALL).fit(np.zeros((20, 2)), ["yes"] * 20)


def test_a_wrong_override_is_a_value_error(workplace: Path) -> None:
    """It names the key and the nearest one."""
    rows = np.random.default_rng(1).normal(size=(60, 2))
    with pytest.raises(ValueError, match=r"training\.epochs"):
        CapacityRegressor(overrides={"training.epoch": 3}).fit(rows, rows[:, 0])


def test_overrides_that_are_no_mapping_are_refused(workplace: Path) -> None:
    """In words."""
    rows = np.zeros((20, 2))
    with pytest.raises(ValueError, match="must map keys to values"):
        CapacityRegressor(overrides=["training.epochs=3"]).fit(rows, range(20))  # type: ignore[arg-type]
