"""An interrupted sweep goes on where it was, or is refused in words."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.choices import SaveModels
from pipeline.core.errors import ConfigError, DataError, StoreError
from pipeline.core.records import FitResult, Objective, Outcome
from pipeline.ledger import claim as claim_module
from pipeline.ledger import stackrecorder
from pipeline.ledger.donefits import DoneFit, decode, encode
from pipeline.ledger.encoding import trained_in
from pipeline.ledger.fitrun import Place, metrics
from pipeline.ledger.read import recorded_fit
from pipeline.ledger.stackfile import FitCurves, pack_weights, unpack_weights

pytestmark = pytest.mark.slow


def test_finished_fits_come_back_exactly(sweeps: Any) -> None:
    """Same fits, outcomes, scores, row losses and rounds, in the same order."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0), sweeps.round(1, sweeps.trial(2), sweeps.trial(3)))
    before = ledger.finished()
    sweeps.abandon(ledger)
    again = sweeps.open(ledger.run_id)
    after = again.finished()
    assert again.resumed
    assert again.run_id == ledger.run_id
    assert len(after) == 6
    for one, other in zip(before, after, strict=True):
        assert (one.fit, one.outcome, one.score, one.round) == (
            other.fit,
            other.outcome,
            other.score,
            other.round,
        )
        np.testing.assert_array_equal(one.row_losses, other.row_losses)


def test_the_order_is_that_of_the_rounds_not_of_the_clock(sweeps: Any) -> None:
    """Two stacks of a round may finish in any order; the search must not notice."""
    ledger = sweeps.open()
    asked = sweeps.round(0, sweeps.trial(1), sweeps.trial(2))
    stack = sweeps.plan(asked).stacks[0]
    for fits in (asked.fits[2:], asked.fits[:2]):
        ledger.record_stack(asked, stack, [sweeps.result(fit) for fit in fits])
    assert tuple(scored.fit for scored in ledger.finished()) == asked.fits
    sweeps.abandon(ledger)
    assert tuple(s.fit for s in sweeps.open(ledger.run_id).finished()) == asked.fits


def test_a_stack_that_is_trained_again_is_not_recorded_twice(sweeps: Any, client: Any) -> None:
    """Killed between two fits of a stack: the stack is repeated whole, the first record counts."""
    ledger = sweeps.open()
    asked = sweeps.round(0)
    stack = sweeps.plan(asked).stacks[0]
    first, second = asked.fits
    results = [sweeps.result(first), sweeps.result(second, Outcome.cut)]
    ledger.record_stack(asked, stack, results)
    sweeps.abandon(ledger)
    again = sweeps.open(ledger.run_id)
    assert [scored.fit for scored in again.finished()] == [first]
    slightly_other = sweeps.result(first, row_losses=np.zeros(20, np.float32))
    again.record_stack(asked, stack, [slightly_other, sweeps.result(second)])
    again.flush()
    scored = again.finished()
    assert [one.fit for one in scored] == [first, second]
    assert scored[0].row_losses is not None
    assert scored[0].row_losses.any()
    runs = client.search_runs([again.store.experiment_id], "params.capacity != ''")
    assert sorted(run.data.tags["outcome"] for run in runs) == ["completed", "completed", "cut"]
    sweeps.abandon(again)
    third = sweeps.open(ledger.run_id)
    assert third.finished()[1].row_losses is not None


def never_written(sweeps: Any, client: Any, save_models: SaveModels) -> tuple[Any, list[Any], Any]:
    """Return a dead sweep's facts, the runs that it did not come to write, and its ledger."""
    facts = replace(sweeps.facts, save_models=save_models)
    ledger = sweeps.open(facts=facts)
    asked = sweeps.round(3, sweeps.trial(1), sweeps.trial(2))
    outcomes = [Outcome.completed, Outcome.dropped, Outcome.diverged, Outcome.cut]
    pairs = zip(asked.fits, outcomes, strict=True)
    results = [sweeps.result(fit, outcome) for fit, outcome in pairs]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    sweeps.abandon(ledger)
    runs = [client.get_run(done.run_id) for done in ledger.done]
    for run in runs:
        client.delete_run(run.info.run_id)
    return facts, runs, ledger


@pytest.mark.parametrize("save_models", SaveModels)
def test_a_fit_that_was_trained_but_not_recorded_is_not_trained_again(
    sweeps: Any, client: Any, save_models: SaveModels
) -> None:
    """Its stack's file has what its run is written from; only what was cut is left to do."""
    facts, runs, ledger = never_written(sweeps, client, save_models)
    again = sweeps.open(ledger.run_id, facts=facts)
    again.flush()
    assert [done.result.outcome for done in again.done] == [
        done.result.outcome for done in ledger.done
    ]
    assert len(runs) == 3
    for run, done in zip(runs, again.done, strict=True):
        written = client.get_run(done.run_id)
        assert done.run_id != run.info.run_id
        assert (written.data.params, written.data.metrics) == (run.data.params, run.data.metrics)
        other_model = {"model_id": run.data.tags["model_id"]} if done.model_id else {}
        assert written.data.tags | other_model == run.data.tags
        assert (written.info.status, written.info.end_time) == (run.info.status, run.info.end_time)
    for one, other in zip(ledger.finished(), again.finished(), strict=True):
        np.testing.assert_array_equal(one.score, other.score)
        np.testing.assert_array_equal(one.row_losses, other.row_losses)
    for done in again.done[:2] if save_models is SaveModels.all else ():
        assert str(client.get_logged_model(done.model_id).status) == "READY"
        expected, saved = sweeps.result(done.fit).weights, again.weights(done.fit)
        assert len(saved) == len(expected)
        for one, other in zip(saved, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    sweeps.abandon(again)
    third = sweeps.open(ledger.run_id, facts=facts)
    assert [done.run_id for done in third.done] == [done.run_id for done in again.done]


def test_weights_are_kept_no_longer_than_needed(sweeps: Any) -> None:
    """The models have them, and readers of curves must not load them."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0), sweeps.round(1, sweeps.trial(2)))
    ledger.rank([], None)
    ledger.flush()
    files = sorted(Path.cwd().rglob("weights/*.npz"))
    assert len(files) == 2
    assert {path.stat().st_size for path in files} == {0}


def test_a_large_network_that_must_be_saved_is_trained_again(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keeping its weights twice would take longer than the moment that is gained."""
    monkeypatch.setattr(stackrecorder, "MOST_WEIGHT_BYTES", 100)
    facts, _, ledger = never_written(sweeps, client, SaveModels.all)
    again = sweeps.open(ledger.run_id, facts=facts)
    assert [done.result.outcome for done in again.done] == [Outcome.diverged]


def turned(content: bytes) -> bytes:
    """Return a file of weights with the first of each fit lying on its side."""
    weights = unpack_weights(content)
    return pack_weights({key: [own[0].T, *own[1:]] for key, own in weights.items()})


@pytest.mark.parametrize(
    "damage",
    [turned, lambda content: content[:300], lambda _: b"", lambda _: b"x" * 99, None],
    ids=["another network", "cut", "empty", "no archive", "gone"],
)
def test_weights_of_another_network_are_not_taken_over(
    sweeps: Any, client: Any, damage: Any
) -> None:
    """A file that was changed or lost must not become a model, or stop the writer."""
    facts, _, ledger = never_written(sweeps, client, SaveModels.all)
    (path,) = Path.cwd().rglob("weights/0003-001-*.npz")
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    again = sweeps.open(ledger.run_id, facts=facts)
    assert [done.result.outcome for done in again.done] == [Outcome.diverged]


def done_fit(result: FitResult) -> DoneFit:
    """Return a fit as it is recorded, before its run is written."""
    place = Place("sweep", 0, "grow", 0, 1, "key")
    return DoneFit(place, replace(result, weights=None), None, Objective(), 10_000)


@pytest.mark.parametrize("about", ["", "{}", "[1]", '{"fit": 3}', "nonsense", "[" * 100_000])
def test_what_a_file_does_not_say_is_trained_again(about: str) -> None:
    """Files of an older version, or changed by hand: never a traceback."""
    assert decode("sweep", "key", FitCurves({}, None, about), Objective()) is None


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"best_epoch": 0.5},
        {"best_epoch": "0"},
        {"best_epoch": 3},
        {"best_epoch": -2},
        {"round": "0"},
        {"stack": True},
        {"position": None},
        {"position": -1},
        {"seconds": "a"},
        {"seconds": float("nan")},
        {"seconds": 1e308},
        {"seconds": 1.5, "ended": 1},
        {"ended": 10**25},
        {"round": 10**30},
        {"best_epoch": -1},
        {"message": "\0"},
        {"message": "\ud800"},
        {"weights": "../../weights/1.npz"},
        {"weights": None},
        {"outcome": "completed", "fit": {"label": 3}},
        {"seconds": -1.0},
        {"ended": None},
        {"message": 3},
        {"phase": ["grow"]},
        {"outcome": "cut"},
        {"outcome": "fine"},
        {"findings": None},
        {"findings": [{"code": 1, "severity": "info", "sentence": "x"}]},
        {"findings": [{"code": "x", "severity": "info", "sentence": "x", "more": "x"}]},
        {"findings": [3]},
        {"fit": {}},
        {"train_loss": "a"},
        {"train_sample": -1},
    ],
    ids=str,
)
def test_a_value_that_no_run_could_hold_is_not_taken_over(
    sweeps: Any, changed: dict[str, Any]
) -> None:
    """It would fail in the background writer, and again at every resume."""
    result = sweeps.result(sweeps.round(0).fits[0])
    kept = encode(done_fit(result))
    about = json.loads(kept.about) | changed
    found = decode("sweep", "key", replace(kept, about=json.dumps(about)), Objective())
    assert (found is None) == bool(changed)


@pytest.mark.parametrize(
    ("loss", "sample", "is_older", "written"),
    [
        (0.25, 0, False, {"best_train_loss": {2: 0.25}}),
        (0.25, 41, False, {"best_train_loss": {2: 0.25}, "train_sample": {2: 41.0}}),
        (math.nan, 0, False, {}),
        (0.25, 41, True, {}),
    ],
)
def test_the_training_loss_of_the_kept_weights_outlives_a_kill(
    sweeps: Any, loss: float, sample: int, is_older: bool, written: dict[str, dict[int, float]]
) -> None:
    """A file of an older version does not say it, and then no run does."""
    result = replace(sweeps.result(sweeps.round(0).fits[0]), train_loss=loss, train_sample=sample)
    kept = encode(done_fit(result))
    about = json.loads(kept.about)
    if is_older:
        about = {name: value for name, value in about.items() if not name.startswith("train_")}
    found = decode("sweep", "key", replace(kept, about=json.dumps(about)), Objective())
    assert found is not None
    values = metrics(found.result, sweeps.facts)
    assert {name: value for name, value in values.items() if "train" in name} == written


def test_curves_and_losses_of_another_form_are_not_taken_over(sweeps: Any) -> None:
    """Search and report compute with them."""
    result = sweeps.result(sweeps.round(0).fits[0])
    kept = encode(done_fit(result))
    assert decode("sweep", "key", kept, Objective()) is not None
    losses = kept.curves["loss"]
    wrong = [
        replace(kept, curves=kept.curves | {"loss": losses.astype(np.float32)}),
        replace(kept, curves=kept.curves | {"loss": losses[:2]}),
        replace(kept, curves=kept.curves | {"loss": np.stack([losses, losses])}),
        replace(kept, curves={"val_loss": losses}),
        replace(kept, curves={"loss": losses}),
        replace(kept, curves=kept.curves | {"a$b": losses}),
        replace(kept, row_losses=np.ones(20)),
        replace(kept, row_losses=np.ones((20, 1), np.float32)),
        replace(kept, row_losses=np.ones(0, np.float32)),
    ]
    assert [decode("sweep", "key", one, Objective()) for one in wrong] == [None] * len(wrong)


def test_a_stack_that_is_trained_again_keeps_the_file_of_what_was_recorded(
    sweeps: Any, client: Any
) -> None:
    """A dies while it is written, B is there: trained again, A alone is new, and B's curves stay."""
    ledger = sweeps.open()
    asked = sweeps.round(0)
    stack, results = sweeps.plan(asked).stacks[0], [sweeps.result(fit) for fit in asked.fits]
    ledger.record_stack(asked, stack, results)
    sweeps.abandon(ledger)
    client.update_run(ledger.done[0].run_id, status="RUNNING")
    again = sweeps.open(ledger.run_id)
    again.record_stack(asked, stack, results)
    sweeps.abandon(again)
    third = sweeps.open(ledger.run_id)
    assert [scored.fit for scored in third.finished()] == list(asked.fits)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9, 0.999, None, "flipped"])
def test_a_fit_is_finished_once_whatever_became_of_its_stacks_file(
    sweeps: Any, client: Any, workplace: Path, kept: float | str | None
) -> None:
    """Cut off at any length, gone, or damaged inside: trained again, and what was there is buried."""
    ledger = sweeps.open()
    asked = sweeps.round(0, sweeps.trial(1), sweeps.trial(2))
    other = sweeps.round(1, sweeps.trial(3), executions=1)
    sweeps.record(ledger, asked, other)
    sweeps.abandon(ledger)
    (file,) = workplace.rglob("rounds/0000-*.npz")
    content = file.read_bytes()
    if kept is None:
        file.unlink()
    elif kept == "flipped":
        at = content.find(b"val_loss.npy") + 300
        file.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
    else:
        file.write_bytes(content[: int(len(content) * float(kept))])
    again = sweeps.open(ledger.run_id)
    assert [scored.fit for scored in again.finished()] == list(other.fits)
    again.record_stack(asked, sweeps.plan(asked).stacks[0], [sweeps.result(f) for f in asked.fits])
    sweeps.abandon(again)
    runs = [
        run for run in client.search_runs([again.store.experiment_id]) if "fit" in run.data.tags
    ]
    ended = [run.data.tags["fit_key"] for run in runs if run.info.status == "FINISHED"]
    assert len(ended) == len(set(ended)) == 5
    buried = [run for run in runs if run.info.status == "KILLED"]
    assert len(buried) == 4
    assert {run.data.tags["outcome"] for run in buried} == {"cut"}
    third = sweeps.open(ledger.run_id)
    assert len(third.finished()) == 5
    assert {done.run_id for done in third.done} == {
        run.info.run_id for run in runs if run.info.status == "FINISHED"
    }


def test_a_sweep_that_recorded_fits_twice_is_put_right_when_it_is_resumed(
    sweeps: Any, client: Any
) -> None:
    """As versions before this one did: the first of them counts."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0, executions=1))
    (done,) = ledger.done
    tags = {**client.get_run(done.run_id).data.tags}
    twice = client.create_run(ledger.store.experiment_id, tags=tags)
    client.set_terminated(twice.info.run_id)
    sweeps.abandon(ledger)
    assert [one.run_id for one in sweeps.open(ledger.run_id).done] == [done.run_id]
    run = client.get_run(twice.info.run_id)
    assert (run.info.status, run.data.tags["outcome"]) == ("KILLED", "cut")
    assert "another run of this fit counts" in run.data.tags["reason"]


def test_runs_of_a_dead_process_are_buried(sweeps: Any, client: Any) -> None:
    """RUNNING becomes KILLED with the reason; the fit gets a run that is whole."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=1)
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [sweeps.result(asked.fits[0])])
    sweeps.abandon(ledger)
    (done,) = ledger.done
    client.update_run(done.run_id, status="RUNNING")
    again = sweeps.open(ledger.run_id)
    again.flush()
    assert [one.run_id == done.run_id for one in again.done] == [False]
    run = client.get_run(done.run_id)
    assert run.info.status == "KILLED"
    assert run.data.tags["outcome"] == "cut"
    assert "died" in run.data.tags["reason"]


def test_models_that_a_dead_process_was_saving_are_buried(sweeps: Any, client: Any) -> None:
    """PENDING becomes FAILED; what is saved stays."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0, executions=1))
    (done,) = ledger.done
    half = client.create_logged_model(
        ledger.store.experiment_id, source_run_id=done.run_id, tags={"sweep": ledger.run_id}
    )
    champion = client.create_logged_model(
        ledger.store.experiment_id, name="champion", tags={"sweep": ledger.run_id}
    )
    sweeps.abandon(ledger)
    client.update_run(done.run_id, status="RUNNING")
    again = sweeps.open(ledger.run_id)
    assert str(client.get_logged_model(champion.model_id).status) == "FAILED"
    assert str(client.get_logged_model(half.model_id).status) == "FAILED"
    assert str(client.get_logged_model(done.model_id).status) == "READY"
    assert [one.fit for one in again.finished()] == [done.fit]


def test_a_model_that_was_half_saved_after_its_run_is_saved_again(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With save_models=best networks follow when their runs have ended; half a one must not pass."""
    facts = replace(sweeps.facts, save_models=SaveModels.best)
    ledger = sweeps.open(facts=facts, retry_seconds=0.0)
    (result,) = sweeps.record(ledger, sweeps.round(0, executions=1))

    def cut(*_: Any) -> None:
        raise OSError("the process was killed here")

    with monkeypatch.context() as stopped:
        stopped.setattr(ledger.store.client, "log_outputs", cut)
        ledger.save_model(result.fit, result.weights)
        with pytest.raises(StoreError):
            ledger.flush()
    ledger._closing.close()
    sweeps.opened.remove(ledger)
    experiment = [ledger.store.experiment_id]
    (half,) = client.search_logged_models(experiment)
    assert str(half.status) == "PENDING"
    again = sweeps.open(ledger.run_id, facts=facts)
    assert str(client.get_logged_model(half.model_id).status) == "FAILED"
    assert again.unsaved_models(result.fit) == [result.fit]
    again.save_model(result.fit, result.weights)
    again.flush()
    assert str(client.get_logged_model(again.find(result.fit).model_id).status) == "READY"
    assert again.unsaved_models(result.fit) == []


def test_a_sweep_that_died_at_its_birth_is_described_when_it_is_resumed(
    sweeps: Any, workplace: Path
) -> None:
    """Reports and replays need to know what it is."""
    ledger = sweeps.open()
    sweeps.abandon(ledger)
    (start,) = workplace.rglob("sweep.json")
    content = start.read_text()
    start.unlink()
    sweeps.open(ledger.run_id)
    assert start.read_text() == content


def test_a_round_that_was_begun_is_trained_by_its_recorded_plan(sweeps: Any) -> None:
    """The packing follows from what was recorded, never from a new measurement."""
    ledger = sweeps.open()
    asked = sweeps.round(4, sweeps.trial(1), sweeps.trial(2))
    ledger.begin_round(asked, sweeps.plan(asked))
    sweeps.abandon(ledger)
    again = sweeps.open(ledger.run_id)
    assert again.recorded_plan(4) == (asked, sweeps.plan(asked))
    assert again.recorded_plan(5) is None


def test_time_is_added_up_over_processes(sweeps: Any) -> None:
    """budget.seconds counts the whole sweep: 2 s in each process of this test."""
    ledger = sweeps.open()
    ledger.end("KILLED")
    second = sweeps.open(ledger.run_id)
    assert second.spent_seconds == pytest.approx(2.0)
    second.end("KILLED")
    assert sweeps.open(ledger.run_id).spent_seconds == pytest.approx(4.0)


def test_another_configuration_is_refused_with_the_difference(sweeps: Any) -> None:
    """Only settings that make a fit what it is are compared."""
    ledger = sweeps.open()
    sweeps.abandon(ledger)
    config = {"training.epochs": "40", "data.name": "wages", "budget.seconds": "600"}
    changed = replace(sweeps.facts, fingerprint="fingerprint-2", config=config)
    with pytest.raises(ConfigError, match=r"training\.epochs: was 30, is 40") as error:
        sweeps.open(ledger.run_id, changed)
    assert "budget" not in str(error.value)


def test_a_larger_budget_extends_a_sweep(sweeps: Any) -> None:
    """Also one that had ended."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0))
    ledger.end("FINISHED")
    config = sweeps.facts.config | {"budget.seconds": "600"}
    again = sweeps.open(ledger.run_id, replace(sweeps.facts, config=config))
    assert len(again.finished()) == 2


def test_other_data_is_refused(sweeps: Any) -> None:
    """The file changed under the sweep: a data error, which names both digests."""
    ledger = sweeps.open()
    sweeps.abandon(ledger)
    with pytest.raises(DataError, match=r"digest-1.*digest-2"):
        sweeps.open(ledger.run_id, replace(sweeps.facts, digest="digest-2"))


def test_an_id_that_is_no_sweep_is_refused(sweeps: Any) -> None:
    """Unknown ids, ids of fits, and nonsense."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0, executions=1))
    (done,) = ledger.done
    for which, words in (
        ("f" * 32, "no such run"),
        ("nonsense", "no such run"),
        (done.run_id, f"it is a fit of resume={ledger.run_id}"),
    ):
        with pytest.raises(ConfigError, match=words):
            sweeps.open(which)


def test_auto_continues_the_interrupted_sweep(sweeps: Any) -> None:
    """The latest one with the same configuration and data that has not finished."""
    for status in ("FINISHED", "KILLED"):
        ledger = sweeps.open()
        ledger.end(status)
    other = sweeps.open(facts=replace(sweeps.facts, digest="digest-2"))
    other.end("KILLED")
    again = sweeps.open("auto")
    assert again.run_id == ledger.run_id
    again.end("FINISHED")
    fresh = sweeps.open("auto")
    assert not fresh.resumed


def test_auto_leaves_a_living_sweep_alone(sweeps: Any) -> None:
    """It starts anew instead."""
    living = sweeps.open()
    ledger = sweeps.open("auto")
    assert not ledger.resumed
    assert ledger.run_id != living.run_id


def test_a_living_sweep_is_not_stolen(sweeps: Any) -> None:
    """The lock beside a local store belongs to the process that writes."""
    living = sweeps.open()
    with pytest.raises(ConfigError, match="another process"):
        sweeps.open(living.run_id)
    sweeps.record(living, sweeps.round(0))
    assert len(living.finished()) == 2


def test_a_resumed_sweep_is_running_again(sweeps: Any, client: Any) -> None:
    """People see what is at work."""
    ledger = sweeps.open()
    ledger.end("KILLED", "stopped by SIGTERM")
    assert client.get_run(ledger.run_id).info.status == "KILLED"
    assert client.get_run(ledger.run_id).data.tags["reason"] == "stopped by SIGTERM"
    sweeps.open(ledger.run_id)
    assert client.get_run(ledger.run_id).info.status == "RUNNING"


class Token:
    """A claim on a server, where there are no locks."""

    def __init__(self, ledger: Any) -> None:
        """Use the local store as if it were remote."""
        remote = replace(ledger.store.location, folder=None)
        self.store = ledger.store._replace(location=remote)
        self.run_id = ledger.run_id

    def claim(self) -> Any:
        """Return a claim."""
        return claim_module.Claim(self.store, self.run_id)


@pytest.fixture
def token(sweeps: Any, monkeypatch: pytest.MonkeyPatch) -> Token:
    """Return a maker of claims that hurry."""
    monkeypatch.setattr(claim_module, "SETTLE_SECONDS", 0.01)
    monkeypatch.setattr(claim_module, "WATCH_SECONDS", 0.2)
    return Token(sweeps.open())


def test_on_a_server_the_writer_that_lost_its_token_stops(token: Token) -> None:
    """Best effort: MLflow has no locks."""
    first, second = token.claim(), token.claim()
    first.take(fresh=True)
    first.check()
    second.take(fresh=False)
    with pytest.raises(StoreError, match="taken over"):
        first.check()


def test_on_a_server_a_sign_of_life_protects_a_sweep(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claimed sweep is watched for a while before it is taken over."""
    first, second = token.claim(), token.claim()
    first.token = first.token.replace(claim_module.platform.node(), "elsewhere")
    first.take(fresh=True)
    monkeypatch.setattr(claim_module.time, "sleep", lambda _seconds: first.beat(1.0))
    with pytest.raises(ConfigError, match="elsewhere"):
        second.take(fresh=False)


START = """
    import sys, time
    from pipeline.config.schema import TrackingConfig
    from pipeline.ledger.facts import SweepFacts
    from pipeline.ledger.ledger import open_ledger

    facts = SweepFacts("wages", {}, "f", "d", "y", "regression", {"train": 9}, {})
    ledger = open_ledger(TrackingConfig(), facts, build=None, elapsed=time.process_time)
    print(ledger.run_id, flush=True)
    if sys.argv[1] == "wait":
        time.sleep(600)
    ledger.end("FINISHED")
"""


def start(folder: Path, word: str) -> subprocess.Popen[str]:
    """Start a sweep in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(START), word]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.rare
def test_two_sweeps_may_create_the_store_together(tmp_path: Path) -> None:
    """MLflow's own migrations, run twice at once, end in "table already exists"."""
    both = [start(tmp_path, "end") for _ in range(2)]
    ended = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    ids = [out.strip() for out, _ in ended]
    assert len(set(ids)) == 2
    assert all("Traceback" not in errors for _, errors in ended)


def test_a_killed_process_lets_go_of_its_sweep(sweeps: Any, workplace: Path) -> None:
    """SIGKILL asks nobody; the system releases the lock."""
    process = start(workplace, "wait")
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    facts = replace(sweeps.facts, fingerprint="f", digest="d")
    with pytest.raises(ConfigError, match="another process"):
        sweeps.open(run_id, facts)
    process.kill()
    process.communicate()
    assert sweeps.open(run_id, facts).resumed


def test_a_fit_of_which_a_budget_left_a_part_of_the_stack_is_trained_again_with_that_part(
    sweeps: Any,
) -> None:
    """With the whole stack its numbers would be others, and it might be dropped."""
    ledger = sweeps.open()
    asked = sweeps.round(0, sweeps.trial(1), sweeps.trial(2), sweeps.trial(3))
    plan = sweeps.plan(asked)
    (stack,) = plan.stacks
    ledger.begin_round(asked, plan)
    ledger.attach("config.yaml", "{}")
    for fits in (asked.fits[:2], asked.fits[2:]):
        results = [sweeps.result(fit) for fit in fits]
        ledger.record_stack(asked, replace(stack, fits=fits), results)
    sweeps.abandon(ledger)
    again = sweeps.open(ledger.run_id)
    part = (replace(stack, fits=asked.fits[2:]),)
    for found in (ledger.find(asked.fits[3]), again.find(asked.fits[3])):
        assert trained_in(*again.recorded_plan(0), asked.fits[3], found.place.together) == part
    recorded = recorded_fit(None, again.find(asked.fits[3]).run_id)
    assert recorded.plan.stacks == part
    with_all = trained_in(asked, plan, asked.fits[3], ())
    assert with_all == plan.stacks


def test_a_stack_that_was_trained_whole_says_no_more_than_before(sweeps: Any) -> None:
    """Also one that is trained again after a resume, of which only what was missing is recorded."""
    ledger = sweeps.open()
    asked = sweeps.round(0, sweeps.trial(1), sweeps.trial(2))
    plan = sweeps.plan(asked)
    ledger.begin_round(asked, plan)
    results = [sweeps.result(fit) for fit in asked.fits]
    ledger.record_stack(asked, plan.stacks[0], results)
    assert {done.place.together for done in ledger.done} == {()}
