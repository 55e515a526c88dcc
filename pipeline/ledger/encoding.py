"""Fits, rounds and stack plans as JSON, exact to the bit, and the key of a fit: for resume and replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.core.records import Capacity, Fit, Round, Stack, StackPlan, Trial


def fit_key(fingerprint: str, digest: str, fit: Fit) -> str:
    """Return the hash that identifies a fit: of configuration, data, trial, seed and epochs."""
    content = json.dumps([fingerprint, digest, encode_fit(fit)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def encode_fit(fit: Fit) -> dict[str, Any]:
    """Return a fit as JSON values; floats keep every bit."""
    trial = fit.trial
    return {
        "label": trial.capacity.label,
        "capacity": [[name, value] for name, value in trial.capacity.values],
        "learning_rate": trial.learning_rate,
        "parameters": trial.parameters,
        "nuisance": [[name, value] for name, value in trial.nuisance],
        "execution": fit.execution,
        "seed": fit.seed,
        "epochs": fit.epochs,
        "fold": fit.fold,
    }


def decode_fit(values: dict[str, Any]) -> Fit:
    """Return the fit that `encode_fit` wrote; KeyError when a field is missing."""
    axes = tuple(
        (str(name), tuple(value) if isinstance(value, list) else int(value))
        for name, value in values["capacity"]
    )
    trial = Trial(
        capacity=Capacity(values["label"], axes),
        learning_rate=values["learning_rate"],
        parameters=values["parameters"],
        nuisance=tuple((name, value) for name, value in values["nuisance"]),
    )
    return Fit(trial, values["execution"], values["seed"], values["epochs"], values["fold"])


def encode_plan(round_: Round, plan: StackPlan) -> dict[str, Any]:
    """Return a round with its plan; stacks name their fits by place in the round."""
    place = {fit: position for position, fit in enumerate(round_.fits)}
    stacks = [
        {
            "number": stack.number,
            "fits": [place[fit] for fit in stack.fits],
            "padded_units": list(stack.padded_units),
            "padding": stack.padding,
            "bytes": stack.bytes,
        }
        for stack in plan.stacks
    ]
    described = {"engine": plan.engine, "sentence": plan.sentence, "stacks": stacks}
    of_round = {
        "number": round_.number,
        "phase": round_.phase,
        "reason": round_.reason,
        "fits": [encode_fit(fit) for fit in round_.fits],
    }
    return {"round": of_round, "plan": described}


def trained_in(
    round_: Round, plan: StackPlan, fit: Fit, together: Sequence[int]
) -> tuple[Stack, ...]:
    """Return a fit's stack, reduced to the fits that were trained with it: `together` of `fitrun.Place`.

    The members matter for a replay: they change its numbers, and rates are compared within a stack.
    """
    stacks = tuple(stack for stack in plan.stacks if fit in stack.fits)
    if not together:
        return stacks
    beside = {round_.fits[place] for place in together if 0 <= place < len(round_.fits)} | {fit}
    return tuple(
        replace(stack, fits=tuple(member for member in stack.fits if member in beside))
        for stack in stacks
    )


def decode_plan(document: dict[str, Any]) -> tuple[Round, StackPlan]:
    """Return what `encode_plan` wrote."""
    of_round, plan = document["round"], document["plan"]
    fits = tuple(decode_fit(fit) for fit in of_round["fits"])
    round_ = Round(of_round["number"], of_round["phase"], fits, of_round["reason"])
    stacks = tuple(
        Stack(
            number=stack["number"],
            fits=tuple(fits[position] for position in stack["fits"]),
            padded_units=tuple(stack["padded_units"]),
            padding=stack["padding"],
            bytes=stack["bytes"],
        )
        for stack in plan["stacks"]
    )
    return round_, StackPlan(stacks, plan["engine"], plan["sentence"])
