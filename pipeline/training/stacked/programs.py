"""Programs: the training of a tile as one function, compiled once, reused over stacks, rounds and sweeps."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import keras
import numpy as np
from keras import ops

from pipeline.core.records import Arrays, Capacity, Stack, Trial
from pipeline.training.host import precision
from pipeline.training.metrics import VAL_AUC
from pipeline.training.padding import PaddedFamily, widest
from pipeline.training.program_cache import DamagedProgramsError, trace_name
from pipeline.training.settings import Settings
from pipeline.training.sizes import Device, Shape, padded_rows, shape_of
from pipeline.training.stacked.backend import Compiled, device, put
from pipeline.training.stacked.epoch import EpochEnd, measured
from pipeline.training.stacked.evaluation import Evaluation
from pipeline.training.stacked.members import Members
from pipeline.training.stacked.step import ProgramLayout, RowLosses, State, TrainStep
from pipeline.training.stacked.template import Template
from pipeline.training.stacked.update import Update, decay_of
from pipeline.training.threads import cores


class Program:
    """state, data, member, rules, window -> state, what was measured.

    One program serves every chunk: several epochs of a small table, or some steps of one epoch of
    a large one. The numbers do not depend on the length of a chunk.
    """

    def __init__(
        self,
        step: TrainStep,
        update: Update,
        evaluation: Evaluation,
        end: EpochEnd,
        shape: Shape,
        names: tuple[str, ...],
    ) -> None:
        """Bind the parts.

        Args:
            update: Of the step; says which weights are validated.
            shape: The most epochs of one call (`data["order"]` has as many), and whether it always
                ends with one.
            names: Of the curves, as epoch.measured has them.
        """
        self._step, self._update, self._evaluation, self._end = step, update, evaluation, end
        self._epochs, self._whole, self._names = shape.epochs, shape.whole, names

    def __call__(
        self, state: State, data: State, member: State, rules: State, window: State
    ) -> tuple[State, State]:
        """Train on, as long as any member is live.

        Args:
            data: Rows, targets, weights and orders.
            window: `epochs` to train, from step `first` to step `last` (the epoch's end is `steps`).

        Returns:
            The new state; and `curves` (epochs, names, members), `improved` and `trained`
            (epochs, members): whether an epoch was the best so far, and whether it counts.
        """
        members = state["live"].shape[0]
        measured = {
            "curves": ops.zeros((self._epochs, len(self._names), members)),
            "improved": ops.zeros((self._epochs, members), "bool"),
            "trained": ops.zeros((self._epochs, members), "bool"),
        }

        def going(at: Any, state: State, _: State) -> Any:
            return ops.logical_and(at < window["epochs"], ops.any(state["live"]))

        def epoch(at: Any, state: State, measured: State) -> tuple[Any, State, State]:
            def steps(step: Any, state: State) -> tuple[Any, State]:
                return step + 1, self._step(state, data, member, (at, step))

            _, state = ops.while_loop(
                lambda step, _: step < window["last"], steps, (window["first"], state)
            )
            if self._whole:  # a condition would pass whole states in and out of its branches
                return at + 1, *self._finish(at, state, measured, (data, member, rules))
            state, measured = ops.cond(
                window["last"] >= window["steps"],
                lambda: self._finish(at, state, measured, (data, member, rules)),
                lambda: (state, measured),
            )
            return at + 1, state, measured

        start = (ops.array(0, "int32"), state, measured)
        _, state, measured = ops.while_loop(going, epoch, start)
        return state, measured

    def _finish(
        self, at: Any, state: State, measured: State, inputs: tuple[State, State, State]
    ) -> tuple[State, State]:
        """Return state and measurements after the last step of an epoch."""
        data, member, rules = inputs
        weights = state["weights"]
        state = {**state, "weights": self._update.kept(weights, state["slots"])}
        validation, row_losses = self._evaluation(state, data)
        train = state["sums"] / ops.cast(data["rows"], "float32")
        values = {"loss": train[:, 0], "metric": train[:, 1], **validation}
        trained = state["live"]
        state, improved = self._end(state, values, row_losses, member, rules)
        curves = ops.stack([values[name] for name in self._names])
        return {**state, "weights": weights}, {
            "curves": put(measured["curves"], (at, 0, 0), curves[None]),
            "improved": put(measured["improved"], (at, 0), improved[None]),
            "trained": put(measured["trained"], (at, 0), trained[None]),
        }


ANY_RATE = 0.5
"""Dropout of the template, whose layers take the members' own rates."""
FEWEST_KEPT = 6
"""Programs kept, or two a core if that is more; the least recently used goes first.

On TensorFlow each one is 20 MB and the ten idle threads of its session's compiler, and is back from the
disk in half a second: a sweep with more of them is no slower for it.
"""
NETWORKS_KEPT = 32
"""Networks of Keras that programs are made from."""


@dataclass(frozen=True)
class Plan:
    """The program of a stack, with its members, sizes and device."""

    program: Program
    members: Members
    shape: Shape
    device: Device
    decays: bool
    masks: bool
    key: Hashable


class Programs:
    """The compiled programs of this process."""

    def __init__(self) -> None:
        """Start with none."""
        self._compiled: OrderedDict[Hashable, Compiled] = OrderedDict()
        self._lock = threading.Lock()
        self._tracing = threading.Lock()
        self._busy: dict[Hashable, threading.Lock] = {}
        self.seconds = 0.0
        """Time spent on tracing and compiling so far."""
        self.count = 0
        """Programs compiled so far."""

    def plan(self, stack: Stack, arrays: Arrays, family: PaddedFamily, settings: Settings) -> Plan:
        """Return the program of a stack; nothing is compiled yet."""
        with self._tracing:
            return _plan(stack, arrays, family, settings)

    def holds(self, plan: Plan) -> bool:
        """Return whether a stack's program is compiled in this process; it may also be on the disk."""
        return plan.key in self._compiled

    def get(self, plan: Plan, example: tuple[Any, ...]) -> Compiled:
        """Return the compiled program, compiling it for arguments shaped like `example` when it is new."""
        with self._lock:
            busy = self._busy.setdefault(plan.key, threading.Lock())
        with busy:  # a second stack with the same program waits for the first
            with self._lock:
                known = self._compiled.get(plan.key)
                if known is not None:
                    self._compiled.move_to_end(plan.key)
                    return known
            started = time.perf_counter()
            try:
                compiled = self._compiled_of(plan, example)
            except DamagedProgramsError:  # emptied by now; TensorFlow remembers the failure
                compiled = self._compiled_of(plan, example)
            with self._lock:
                self._compiled[plan.key] = compiled
                self.seconds += time.perf_counter() - started
                self.count += 1
                while len(self._compiled) > max(FEWEST_KEPT, 2 * cores()):
                    gone, _ = self._compiled.popitem(last=False)
                    self._busy.pop(gone, None)
            return compiled

    def _compiled_of(self, plan: Plan, example: tuple[Any, ...]) -> Compiled:
        """Trace, unless the trace is kept, one program at a time; and compile, in parallel with others."""
        as_graph = not plan.device.compiles
        arrays = [(array.shape, array.dtype) for array in keras.tree.flatten(example)]
        name = "" if as_graph else trace_name(plan.key, arrays)
        compiled: Compiled | None = Compiled.kept(name) if name else None
        if compiled is None:
            with self._tracing:
                compiled = Compiled.traced(plan.program, example, as_graph=as_graph, name=name)
        compiled.compile(example)
        return compiled


def _plan(stack: Stack, arrays: Arrays, family: PaddedFamily, settings: Settings) -> Plan:
    fits = stack.fits
    first = fits[0].trial
    family = cast("PaddedFamily", family.like(first.nuisance))
    sizes = [family.unit_widths(fit.trial.capacity) for fit in fits]
    widths = stack.padded_units or widest(sizes)
    trial = _trial_of_all(stack, family.of_widths(widths))
    template, update = _network(cast("Any", family), trial, settings)  # a protocol is not Hashable
    members = Members(family, template, update, widths, first.encoding)
    masks = not members.unmasked and any(size != widths for size in sizes)
    decays = any(decay_of(settings, fit.trial) > 0 for fit in fits)
    parameters = sum(int(np.prod(variable.shape)) for variable in template.trainable)
    rows, val_rows = len(arrays.x_train), len(arrays.x_val)
    batch = settings.batch_of(first, rows)
    crowd = len(fits), len({fit.seed for fit in fits})
    place = device(convolutional=family.convolutional)
    products = family.products(trial.capacity, trial.encoding)
    shape = shape_of(parameters, products, (rows, val_rows), batch, place, crowd)
    row_losses = RowLosses(arrays.loss)
    layout = ProgramLayout(batch, shape.partial, members.trainable_axes, fixed=place.compiles)
    step = TrainStep(template, update, row_losses, layout)
    end = EpochEnd(settings, template.places())
    wants_auc = settings.objective.metric == VAL_AUC
    evaluation = Evaluation(template, row_losses, shape.block, scores=wants_auc)
    program = Program(step, update, evaluation, end, shape, measured(settings))
    key = (
        template.fingerprint,
        update.fingerprint,
        (arrays.loss, str(settings.objective), masks, decays, shape.partial, shape.whole),
        (shape.members, shape.seeds, shape.epochs, shape.batch, shape.block),
        (padded_rows(rows), padded_rows(val_rows, shape.block), arrays.x_train.shape[1:]),
    )
    return Plan(program, members, shape, place, decays, masks, key)


@lru_cache(maxsize=NETWORKS_KEPT)
def _network(family: Any, trial: Trial, settings: Settings) -> tuple[Template, Update]:
    with precision(mixed=settings.mixed_precision):
        template = Template(family.build(trial))
    return template, Update(settings, trial, template.trainable)


def _trial_of_all(stack: Stack, capacity: Capacity) -> Trial:
    """Return a trial with every layer of any member."""
    trials = [fit.trial for fit in stack.fits]
    drops = any(float(trial.nuisance_value("dropout", 0.0)) > 0 for trial in trials)
    nuisance = {**dict(trials[0].nuisance), "dropout": ANY_RATE if drops else 0.0}
    values = tuple(sorted(nuisance.items()))
    return replace(trials[0], capacity=capacity, learning_rate=1.0, parameters=0, nuisance=values)
