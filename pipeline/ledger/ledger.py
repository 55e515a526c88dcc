"""The ledger: the only memory of a sweep, one parent run in MLflow with one child run a fit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from pipeline.config.choices import SaveModels
from pipeline.config.schema import TrackingConfig
from pipeline.core.records import Decision, Fit, FitResult, Round, Scored, Stack, StackPlan, Trial
from pipeline.ledger import resume
from pipeline.ledger.donefits import DoneFit, DoneFits
from pipeline.ledger.encoding import decode_plan, encode_plan
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.fitrecord import saved_weights
from pipeline.ledger.location import resolve
from pipeline.ledger.parent import Begun, begin
from pipeline.ledger.sqlitefile import complete
from pipeline.ledger.stackfile import FitCurves, read_stacks
from pipeline.ledger.stackrecorder import StackRecorder
from pipeline.ledger.store import open_store, reaching
from pipeline.ledger.trialrows import TrialRows
from pipeline.ledger.writer import Job, Writer
from pipeline.search.ranking import Ranked


class Ledger:
    """The state of a sweep; all of it is stored in MLflow.

    Life: `open_ledger`, then for every round `begin_round`, `record_stack` for each of its stacks,
    `secure`; at the end `rank` and `end`. Only the sweep's own thread may call it; the writing is
    done in the background.
    """

    def __init__(
        self,
        begun: Begun,
        facts: SweepFacts,
        build: Callable[[Trial], Any],
        writer: Writer,
        closing: ExitStack,
    ) -> None:
        """Use `open_ledger`."""
        self.store, self._claim, self._files = begun.store, begun.claim, begun.files
        self.resumed, self.spent_seconds = begun.resumed, begun.spent_seconds
        self.run_id: str = begun.run.info.run_id
        self._facts, self._writer, self._closing = facts, writer, closing
        self._done = DoneFits(facts)
        self._decisions: list[Decision] = []
        unwritten = self._read_back() if self.resumed else {}
        self._recorder = StackRecorder(begun, facts, build, self._done, self.write)
        self._recorder.adopt(unwritten)
        self._rows = TrialRows(begun.store, self.run_id, facts)

    def writer_seconds(self) -> float:
        """Return the seconds during which the background writer was busy."""
        return self._writer.busy_seconds

    @property
    def done(self) -> list[DoneFit]:
        """The finished fits of the search in the recorded order; run ids are there after `flush`."""
        return self._done.of_search(cut=False)

    def finished(self) -> list[Scored]:
        """Return the finished fits as the search sees them, in the recorded order."""
        return [done.scored() for done in self.done]

    @property
    def cut(self) -> list[DoneFit]:
        """The fits that this process cut after some epochs, in the recorded order.

        They are trained again on resume; where the budget ends the sweep, they take part in the choice.
        """
        return self._done.of_search(cut=True)

    def standing(self) -> list[Scored]:
        """Return the finished fits and the cut ones with a score: the candidates of the last choice."""
        return [done.scored() for done in (*self.done, *self.cut)]

    def find(self, fit: Fit) -> DoneFit | None:
        """Return a fit with its run and model ids, finished or cut with a score; else None."""
        return self._done.find(fit)

    def recorded_plan(self, number: int) -> tuple[Round, StackPlan] | None:
        """Return a round and its stack plan as recorded, or None for a round not begun."""
        name = f"rounds/{number:04}.json"
        document = self.ask(f"round {number}", lambda: self._files.read_json(name))
        return None if document is None else decode_plan(document)

    def weights(self, fit: Fit) -> list[np.ndarray] | None:
        """Return the weights of a finished fit from its saved model; None where there is none."""
        done = self._done.finished(fit)
        if done is not None and not done.run_id:  # still to be written
            self.flush()
        if done is None or not done.model_id:
            return None
        model_id = done.model_id
        weights: list[np.ndarray] = self.ask(fit.name, lambda: saved_weights(self.store, model_id))
        return weights

    def unsaved_models(self, champion: Fit) -> list[Fit]:
        """Return the fits whose models `tracking.save_models` wants at the end of the sweep."""
        return self._done.without_model(champion)

    def save_model(self, fit: Fit, weights: Sequence[np.ndarray]) -> None:
        """Save the network of a fit that has been recorded without it, in the background."""
        self._recorder.save_model(fit, weights)

    def begin_round(self, round_: Round, plan: StackPlan) -> None:
        """Record the plan of a round before it is trained."""
        self._recorder.release()
        self._recorder.planned = {stack.number: stack.fits for stack in plan.stacks}
        document = encode_plan(round_, plan)
        name = f"rounds/{round_.number:04}.json"
        write = [lambda: self._files.write_json(name, document)]
        self.write(Job(f"round {round_.number}", write, first=True))

    def record_stack(self, round_: Round, stack: Stack, results: Sequence[FitResult]) -> None:
        """Record the fits of a stack, in the background.

        A fit that is already in the ledger (its stack is trained again after a resume) is not
        recorded twice: the first record counts.

        Raises:
            StoreError: Earlier writing failed for good.
        """
        self._recorder.record(round_, stack, results)

    def record_decisions(self, decisions: Sequence[Decision]) -> None:
        """Record all decisions so far, in one file."""
        self._decisions = list(decisions)
        documents = [vars(decision) for decision in decisions]
        self._put("decisions", lambda: self._files.write_json("decisions.json", documents))

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag of the parent run, in the background."""
        self._put(name, lambda: self.store.client.set_tag(self.run_id, name, value))

    def attach(self, name: str, content: str | bytes | Callable[[], bytes]) -> None:
        """Store a file with the parent run in the background; a function is called there for its content."""
        self._put(
            name, lambda: self._files.write(name, content() if callable(content) else content)
        )

    def has_file(self, name: str) -> bool:
        """Return whether the parent run holds a file."""
        return self.ask(name, lambda: self._files.read(name)) is not None

    def write(self, job: Job) -> None:
        """Queue a job; StoreError when earlier writing failed for good."""
        self._writer.put(job)

    def rank(self, trials: Sequence[Ranked], champion: Fit | None) -> None:
        """Write a row for each trial, and the metric `rank` (1 = champion) of every fit below it.

        In the background, before all that is queued later.
        """
        verdicts = {decision.capacity: decision.verdict for decision in self._decisions}
        self.flush()
        self._recorder.release()
        if self.resumed:
            self._put("rows of before", self._rows.remove)
        for job in self._rows.jobs([*self.done, *self.cut], trials, champion, verdicts):
            self.write(job)

    @property
    def champion_row(self) -> str:
        """Id of the run that is the champion's trial, there after `rank` and `flush`."""
        return self._rows.champion

    def secure(self) -> None:
        """Wait until no kill can lose a fit, though its run may not be written yet; may raise StoreError."""
        safe = self._recorder.keeps_all
        self._claim.sure_of(self._writer.catch_up if safe else self._writer.flush)

    def flush(self) -> None:
        """Wait until everything recorded is in the store; StoreError when it cannot be."""
        self._claim.sure_of(self._writer.flush)

    def end(self, status: str, reason: str = "") -> None:
        """End the parent run with its status and release the sweep.

        Args:
            status: `FINISHED`, `FAILED` or `KILLED` (stopped by a signal; resumable).
            reason: One sentence, when it did not finish.

        Raises:
            StoreError: The store is out of reach; the sweep can be resumed all the same.
        """
        try:
            self._claim.present(files=False)
            if reason:
                self.set_tag("reason", reason)
            self._put("time spent", self._writer.beat)
            self._put("end", lambda: self.store.client.set_terminated(self.run_id, status))
            self.flush()
        finally:
            self._closing.close()

    def _read_back(self) -> dict[str, FitCurves]:
        """Mark runs that a dead process left RUNNING, and read the fits that it finished.

        Returns:
            The fits that it trained but whose runs it did not write, by fit key.
        """
        client = self.store.client
        late = self._facts.save_models is not SaveModels.all
        place = self.store.experiment_id, self.run_id
        runs = resume.children(client, *place)
        resume.bury_models(client, *place, resume.bury(client, runs), late=late)
        trained = read_stacks(self._files.read_folder("rounds"))
        for run in runs:
            if (done := resume.done_fit(run, trained, self._facts)) is not None:
                self._done.add(done)
        resume.supersede(client, runs, {done.run_id for done in self._done.every()})
        written = {done.place.key for done in self._done.every()}
        return {key: curves for key, curves in trained.items() if key not in written}

    def ask(self, name: str, question: Callable[[], Any], *, first: bool = False) -> Any:
        """Return the result of a query, run with the writer's retries; `first`: before queued jobs."""
        answers: list[Any] = []
        self.write(Job(name, [lambda: answers.append(question())], first=first))
        self._claim.sure_of(lambda: self._writer.flush(first=first))
        return answers[0]

    def _put(self, name: str, step: Callable[[], object]) -> None:
        self.write(Job(name, [step]))


def open_ledger(
    tracking: TrackingConfig,
    facts: SweepFacts,
    build: Callable[[Trial], Any],
    *,
    which: str = "no",
    elapsed: Callable[[], float],
    stopping: Callable[[], bool] = lambda: False,
) -> Ledger:
    """Open the store, and create the sweep's parent run or take over an interrupted one.

    Call `location.check(location.resolve(tracking.uri))` first of all: it answers without MLflow.

    Args:
        tracking: The settings; the experiment's default name is the data set's.
        facts: Configuration and data of the sweep.
        build: Returns an uncompiled keras.Model of a trial (`Family.build`); called on this thread,
            once for each architecture.
        which: The setting `resume`: `no`, `auto` or the id of a sweep.
        elapsed: Seconds since this process started; added up over resumes.
        stopping: Whether the sweep must stop: waiting for a lost store is then cut short.

    Raises:
        ConfigError: The store cannot be used; no such sweep to resume, another configuration, or
            another process writes to it.
        DataError: The data changed since the sweep began.
        StoreError: The store is out of reach.
    """
    closing = ExitStack()
    location = resolve(tracking.uri)

    def complete_file() -> None:
        if location.database is not None:
            with suppress(sqlite3.Error):  # others are writing: they do it
                complete(location.database)

    closing.callback(complete_file)
    try:
        store = open_store(location, tracking.experiment or facts.name)
        with reaching(store.location):
            begun = begin(store, facts, which)
            closing.callback(begun.claim.release)

            def beat() -> None:
                begun.claim.check()
                begun.claim.beat(begun.spent_seconds + elapsed())

            writer = Writer(store.location, tracking.retry_seconds, beat, stopping)
            closing.callback(writer.close)
            return Ledger(begun, facts, build, writer, closing)
    except BaseException:
        closing.close()
        raise
