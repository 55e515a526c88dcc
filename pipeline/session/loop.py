"""The loop of a sweep: propose, train, record, decide. The one place where the rooms meet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

from pipeline.config import objective
from pipeline.config.choices import SearchKind
from pipeline.config.schema import SweepConfig
from pipeline.config.text import dump
from pipeline.core.errors import Interrupted
from pipeline.core.forked import may_fork
from pipeline.core.records import FitResult, Round, Scored, Stack
from pipeline.data import prepare
from pipeline.data.dataset import Dataset
from pipeline.data.outline import Outline
from pipeline.forecast.forecaster import Forecaster
from pipeline.forecast.timemodel import table_of, time_model_of
from pipeline.ledger.fitwriter import FITS
from pipeline.ledger.ledger import open_ledger
from pipeline.ledger.location import check_at_start, resolve
from pipeline.runtime import memory
from pipeline.runtime.budget import Budget
from pipeline.runtime.notify import notify
from pipeline.runtime.signals import GRACE_SECONDS, StopRequest
from pipeline.search.protocol import missing
from pipeline.session.facts import encoded, facts_of, facts_shown, searcher_of
from pipeline.session.rescue import rescued
from pipeline.session.standing import SearchResult, capacities, result_of
from pipeline.session.sweep import Sweep
from pipeline.session.trainer import Networks, Trainer, cut_to_fits
from pipeline.terminal.progress import Display
from pipeline.training.host import start
from pipeline.training.threads import prepare as prepare_threads

log = logging.getLogger(__name__)
_sweeps = count()
"""Sweeps of this process so far: several under `-m`."""


def run(
    config: SweepConfig,
    output_dir: Path,
    *,
    grace: float | None = GRACE_SECONDS,
    began: float | None = None,
    quiet: bool = False,
) -> int:
    """Run one sweep from configuration to champion, notify the webhook, return the exit code.

    Args:
        config: Of the sweep.
        output_dir: Receives summary.json, the report and the log.
        grace: Seconds from a first signal to the end of the process; None where it is the user's own.
        began: When the sweep was requested, in `process_seconds`; None: when the process began.
        quiet: Write nothing on stdout, where a command has its result.

    Raises:
        SweepError: An error that the user can correct, with the exit code.
    """
    try:
        display = Display(config.verbose, objective=objective(config), quiet=quiet)
        code = _run(config, output_dir, display, grace, began)
    except Interrupted:
        raise  # the sweep is resumed later: only its end is notified
    except Exception as error:
        notify(config.notify.url, output_dir, error)
        raise
    notify(config.notify.url, output_dir)
    return code


def _run(
    config: SweepConfig,
    output_dir: Path,
    display: Display,
    grace: float | None,
    began: float | None,
) -> int:
    """Open the rooms, search, finish, and end the parent run truthfully."""
    check_at_start(config.tracking.uri)
    budget, before = Budget(config.budget), next(_sweeps)
    if before or began is not None:
        budget.restart(began)
    if before:
        memory.give_back()
    from pipeline.models.artefact_folder import keep_encoders
    from pipeline.models.artefact_proof import Proof
    from pipeline.session.ending import finish

    with StopRequest(grace) as stop, display:
        stop.show = display.stopping
        dataset = prepare(config.data, config.seed)
        sweep = _open(config, output_dir, dataset, budget, stop, display)
        stop.advice = f"; finished fits are recorded. {sweep.how_to_resume}"
        status, reason = "FAILED", "the sweep ended with an error"
        try:
            with closing(Proof(dataset, sweep.trainer.family)) as proof:
                sweep.ledger.attach("config.yaml", dump(config))
                keep_encoders(sweep.ledger, dataset, encoded(config, dataset))
                result = search(sweep, proof.before_round)
                proof.settle()
                sweep.forecaster.end_search()
                code = finish(sweep, result, proof.verifier)
            whole = result.status == "finished" and not (before or sweep.ledger.resumed)
            sweep.forecaster.keep(budget.elapsed(), whole=whole)
            status, reason = "FINISHED", ""
        except Interrupted as interruption:
            status, reason = "KILLED", str(interruption)
            raise
        except Exception as error:
            reason = rescued(sweep, error)
            raise
        finally:
            sweep.ledger.end(status, reason)
    return code


def _import_frameworks(config: SweepConfig, dataset: Dataset, *, forks: bool) -> None:
    """Import the slow libraries, and start the processes that need them too, in the fastest order.

    Args:
        forks: Whether the processes may be forked from this one.
    """
    from pipeline.models.artefact_folder import import_writers
    from pipeline.models.verify import VERIFIER

    import_writers(dataset)
    FITS.start(
        resolve(config.tracking.uri), forks=forks
    )  # makes a new store during the next import
    start(VERIFIER.fork if forks else lambda: None)


def _open(
    config: SweepConfig,
    output_dir: Path,
    dataset: Dataset,
    budget: Budget,
    stop: StopRequest,
    display: Display,
) -> Sweep:
    """Open family, search and ledger; every error of data or configuration is raised here."""
    trainer = Trainer.of(config, dataset)
    family = trainer.family
    prepare_threads(convolutional=family.convolutional)
    # Not in a user's process, where threads may run, nor with a user's module, which may register layers.
    forks = stop.is_ours and config.model.builder is None and may_fork()
    if config.search.kind is not SearchKind.capacity:  # else KerasTuner would import TensorFlow
        _import_frameworks(config, dataset, forks=forks)
    searching = searcher_of(config, dataset, family)
    for note in dataset.notes:
        log.info("%s", note)
    facts = facts_of(config, dataset)
    _import_frameworks(config, dataset, forks=forks)
    ledger = open_ledger(
        config.tracking,
        facts,
        family.build,
        which=config.resume,
        elapsed=budget.elapsed,
        stopping=lambda: stop.number is not None,
    )
    try:
        budget.before = ledger.spent_seconds
        display.start(f"sweep {dataset.name}", facts_shown(config, dataset, ledger))
        times = time_model_of(config, family, table_of(Outline(dataset)))
        return Sweep(
            output_dir=output_dir,
            trainer=trainer,
            searcher=searching,
            ledger=ledger,
            display=display,
            budget=budget,
            stop=stop,
            networks=Networks(family, ledger),
            forecaster=Forecaster(
                times, dataset.digest, budget, ledger.writer_seconds, display.estimate
            ),
        )
    except BaseException:
        ledger.end("FAILED", "the sweep could not be opened")
        raise


def search(sweep: Sweep, before: Callable[[Round], None] = lambda _: None) -> SearchResult:
    """Propose rounds and train them, `before` each, until the search, a budget or a signal ends it."""
    shown, ended = 0, ""
    sweep.forecaster.begin_search(len(sweep.ledger.done))
    while True:
        finished = sweep.ledger.finished()
        proposal = sweep.searcher.propose(finished)
        cut = [(entry.scored(), entry.result.epochs) for entry in sweep.ledger.cut]
        result = result_of(sweep.searcher, proposal, finished, ended, cut)
        decisions = result.decisions if result else proposal.decisions
        standing = capacities(finished, sweep.trainer.config)
        sweep.display.decisions(decisions[shown:], standing)
        if len(decisions) > shown:
            sweep.ledger.record_decisions(decisions)
        shown = len(decisions)
        if result is not None:
            return result
        assert proposal.round is not None  # noqa: S101 - else the search has ended
        before(proposal.round)
        ended = train_round(sweep, proposal.round, finished)
        sweep.unless_stopped()


def train_round(sweep: Sweep, round_: Round, finished: Sequence[Scored]) -> str:
    """Train the missing fits of a round; return why it could not be finished, or an empty string."""
    from pipeline.training.precision_check import check_precision

    trainer, pending = sweep.trainer, missing(round_, finished)
    plan = sweep.plan(round_)
    sweep.ledger.begin_round(round_, plan)
    sweep.display.round(round_, plan)
    todo, ended = cut_to_fits(plan, pending, sweep.budget.fits_left(len(finished)))
    wanted = set(pending)
    rerun = sum(fit not in wanted for stack in todo.stacks for fit in stack.fits)
    if rerun:
        log.info("%d recorded fits are trained again: their stacks were not finished", rerun)
    first = round_.fits[0]
    if trainer.settings.mixed_precision and round_.number == 0:
        check_precision(first, trainer.arrays(first), trainer.family, trainer.settings)
    sweep.forecaster.begin_round(round_, todo)
    for part in sweep.forecaster.parts(todo, sweep.has_usable):
        for stack, results in trainer.run(part, sweep):
            _record(sweep, round_, stack, results)
        if sweep.stop_reason():
            break
    sweep.ledger.secure()
    sweep.forecaster.end_round()
    return sweep.stop_reason() or sweep.forecaster.unfinished or ended


def _record(sweep: Sweep, round_: Round, stack: Stack, results: Sequence[FitResult]) -> None:
    """Diagnose, show, keep and record the fits of a stack."""
    for result in results:
        sweep.networks.keep(result)
        sweep.display.fit_done(result)
        for finding in result.findings:
            sweep.display.finding(finding, result.fit.name)
    sweep.ledger.record_stack(round_, stack, results)
    sweep.forecaster.stack_done(results)
