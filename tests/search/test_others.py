"""KerasTuner at the edge: its own searches keep the contract, and ours works in its tuners.

The one file of this folder that imports KerasTuner, and with it TensorFlow: 13 s.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest

from pipeline.config.choices import SearchKind
from pipeline.config.schema_search import (
    LearningRateConfig,
    NuisanceConfig,
    OtherSearchConfig,
    SpaceConfig,
)
from pipeline.core.records import Outcome, Scored
from pipeline.search.executions import Executions
from tests.search import contract
from tests.search.toy import COURSE, Noisy, ToyFamily, bowl, capacity, course_rules, walk

KINDS = ["grid", "random", "bayesian", "hyperband"]
CHECKS = [getattr(contract, name) for name in sorted(vars(contract)) if name.startswith("check_")]
GAUSSIAN = ("bayesian", "check_any_prefix_gives_the_same_next_round")
"""The dear one: a Gaussian process is fitted anew for every prefix."""


@pytest.fixture(scope="module")
def keras_tuner():
    """Return KerasTuner, imported once."""
    return pytest.importorskip("keras_tuner")


def maker(kind, executions=2, epochs=9, **changes):
    """Return what makes a fresh search of KerasTuner over the toy space."""
    from pipeline.search.others import KerasTunerSearch

    # A Gaussian process asks for its own minutes: its first 3 x 3 points are random.
    few = {"trials": 12, "round": 5} if kind == "bayesian" else {"trials": 24, "round": 7}
    rates = LearningRateConfig(low=1e-4, high=1e-2, points=2)
    config = OtherSearchConfig(kind=SearchKind[kind], **{**few, "learning_rate": rates, **changes})
    return lambda seed: KerasTunerSearch(
        config, ToyFamily(), Executions(seed, epochs, executions, executions)
    )


@pytest.mark.usefixtures("keras_tuner")
@pytest.mark.parametrize(
    ("kind", "check"),
    [
        pytest.param(
            kind,
            check,
            id=f"{kind}-{check.__name__}",
            marks=[pytest.mark.rare] * ((kind, check.__name__) == GAUSSIAN),
        )
        for kind in KINDS
        for check in CHECKS
    ],
)
def test_every_search_keeps_the_contract(kind, check):
    """Each promise of tests/search/contract.py, of each of KerasTuner's searches."""
    check(maker(kind))


@pytest.mark.rare
@pytest.mark.usefixtures("keras_tuner")
def test_the_sequence_is_the_same_in_another_process_with_another_hash_seed(repo):
    """All searches in one process: importing KerasTuner costs its seconds once."""
    code = (
        "import json; from tests.search import contract, test_others as t;"
        "print(json.dumps([contract.sequence(t.maker(kind), 0) for kind in t.KINDS]))"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=repo, env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    elsewhere = json.loads(answer.stdout.splitlines()[-1])
    assert elsewhere == [contract.sequence(maker(kind), 0) for kind in KINDS]


@pytest.mark.usefixtures("keras_tuner")
@pytest.mark.parametrize("kind", KINDS[1:])
def test_seed_0_is_a_seed_and_not_that_of_seed_1(kind):
    """KerasTuner takes 0 for unset (`seed or randint`): it never sees it."""
    first = [maker(kind)(seed).propose([]).round for seed in (0, 0, 1)]
    assert first[0] == first[1]
    trials = [{fit.trial for fit in one.fits} for one in first]
    assert trials[0] != trials[2]


@pytest.mark.usefixtures("keras_tuner")
@pytest.mark.parametrize("kind", KINDS)
def test_values_lie_inside_the_space_and_no_fit_is_trained_twice(kind):
    """And every trial has all its executions."""
    values = NuisanceConfig(dropout=[0.0, 0.2], batch_size=[32, 64])
    walked = walk(maker(kind, nuisance=values)(0), Noisy(bowl))
    fits = [fit for one in walked.rounds for fit in one.fits]
    assert len({(fit.name, fit.epochs) for fit in fits}) == len(fits)
    for fit in fits:
        assert fit.trial.capacity in ToyFamily().enumerate()
        assert 1e-4 <= fit.trial.learning_rate <= 1e-2
        assert fit.trial.nuisance_value("dropout", None) in {0.0, 0.2}
        assert isinstance(fit.trial.nuisance_value("batch_size", None), int)
    assert {fit.execution for fit in fits} == {0, 1}


@pytest.mark.usefixtures("keras_tuner")
def test_a_grid_holds_every_combination_once():
    """In rounds of the configured size, though KerasTuner hands out a grid one by one."""
    walked = walk(maker("grid")(0), Noisy(bowl))
    trials = [fit.trial for one in walked.rounds for fit in one.fits if fit.execution == 0]
    combinations = {(trial.capacity.label, trial.learning_rate) for trial in trials}
    expected = {(one.label, rate) for one in ToyFamily().enumerate() for rate in (0.0001, 0.01)}
    assert combinations == expected
    assert len(trials) == len(expected)
    assert [len(one.fits) for one in walked.rounds] == [14, 10]


@pytest.mark.usefixtures("keras_tuner")
def test_an_exhausted_space_ends_a_random_search():
    """Fewer points than trials: it stops, and proposes none twice."""
    rates = LearningRateConfig(values=[0.001])
    walked = walk(maker("random", trials=50, learning_rate=rates)(0), Noisy(bowl))
    trials = {fit.trial for one in walked.rounds for fit in one.fits}
    assert len(trials) <= 6
    assert walked.choice is not None


@pytest.mark.usefixtures("keras_tuner")
@pytest.mark.parametrize("kind", KINDS)
def test_a_space_of_one_point_is_trained_once(kind):
    """A fixed network with a fixed rate is a search too."""

    class One(ToyFamily):
        def enumerate(self):
            return (capacity(2, 32),)

    from pipeline.search.others import KerasTunerSearch

    config = OtherSearchConfig(
        kind=SearchKind[kind], trials=3, learning_rate=LearningRateConfig(values=[0.01])
    )
    walked = walk(KerasTunerSearch(config, One(), Executions(0, 1, 1, 1)), Noisy(bowl))
    assert {fit.trial.capacity.label for one in walked.rounds for fit in one.fits} == {"2x32"}
    assert walked.choice.trial.learning_rate == 0.01


@pytest.mark.usefixtures("keras_tuner")
def test_hyperband_trains_the_promoted_anew_for_the_epochs_of_their_rung():
    """Each rung three times as long as the one below, on its best third."""
    walked = walk(maker("hyperband", trials=60, executions=1)(0), Noisy(bowl, 0.0, 0.0))
    by_epochs = {}
    for one in walked.finished:
        by_epochs.setdefault(one.fit.epochs, []).append(one)
    assert sorted(by_epochs) == [1, 3, 9]
    short = {one.fit.trial: one.score for one in by_epochs[1]}
    promoted = {one.fit.trial for one in by_epochs[3]} & short.keys()
    assert promoted
    assert min(short.values()) in {short[trial] for trial in promoted}


@pytest.mark.usefixtures("keras_tuner")
def test_a_failed_round_does_not_end_the_search():
    """KerasTuner gives up after three failures in a row: not here."""

    def score(fit):
        first = fit.trial.learning_rate < 0.001
        return Scored(fit, Outcome.diverged, math.nan) if first else Noisy(bowl)(fit)

    walked = walk(maker("grid")(0), score)
    assert sum(len(one.fits) for one in walked.rounds) == 24
    assert walked.choice.trial.learning_rate == 0.01


@pytest.mark.usefixtures("keras_tuner")
def test_the_capacity_oracle_walks_the_course_in_an_ordinary_tuner(tmp_path, keras_tuner):
    """One number a trial, no noise rules: the best seen wins."""
    from pipeline.search.oracle import CapacityOracle

    class Scripted(keras_tuner.Tuner):
        def run_trial(self, trial, *_args, **_keywords):
            hp = trial.hyperparameters
            assert 1e-4 <= hp.get("learning_rate") <= 3e-2
            return COURSE.get(capacity(hp.get("layers"), hp.get("units")).label, 6.0)

    def tuner():
        objective = keras_tuner.Objective("val_loss", "min")
        oracle = CapacityOracle(objective, course_rules(), ToyFamily())
        oracle.verbose = 0
        return Scripted(oracle=oracle, directory=tmp_path, project_name="course")

    first = tuner()
    first.search()
    choice = first.oracle.choice()
    assert choice.trial.capacity.label == "3x200"
    best = first.oracle.get_best_trials(2)
    assert best[0].hyperparameters.values["units"] == 200
    assert [best[0].score, len(best)] == [4.3, 2]
    again = tuner()  # reads its own project folder: nothing is left to do
    again.search()
    assert len(again.oracle.trials) == len(first.oracle.trials)
    assert again.oracle.choice() == choice


@pytest.mark.usefixtures("keras_tuner")
def test_the_capacity_oracle_minds_direction_and_failures(tmp_path, keras_tuner):
    """A score to be maximised, and networks that fail: the search goes on without them."""
    from pipeline.search.oracle import CapacityOracle

    class Scripted(keras_tuner.Tuner):
        def run_trial(self, trial, *_args, **_keywords):
            label = capacity(
                trial.hyperparameters.get("layers"), trial.hyperparameters.get("units")
            ).label
            if label in {"2x100", "1x625"}:
                raise keras_tuner.errors.FailedTrialError("too large")
            return {"val_auc": 1.0 - COURSE.get(label, 6.0) / 10.0}

    oracle = CapacityOracle(
        keras_tuner.Objective("val_auc", "max"),
        course_rules(
            space=SpaceConfig(units_max=4000), learning_rate=LearningRateConfig(values=[0.003])
        ),
        ToyFamily(),
    )
    oracle.verbose = 0
    Scripted(oracle=oracle, directory=tmp_path, project_name="auc").search()
    assert oracle.choice().trial.capacity.label == "3x200"
    failed = [trial for trial in oracle.trials.values() if trial.status == "FAILED"]
    assert len(failed) == 2
    assert not any(trial in failed for trial in oracle.get_best_trials(99))


@pytest.mark.usefixtures("keras_tuner")
def test_the_oracle_says_that_it_runs_without_noise_rules(caplog, keras_tuner):
    """Scalars only: said once, when it is made."""
    from pipeline.search.oracle import CapacityOracle

    with caplog.at_level("INFO", logger="pipeline.search.oracle"):
        CapacityOracle(keras_tuner.Objective("val_loss", "min"), course_rules(), ToyFamily())
    assert "without its noise rules" in caplog.text
