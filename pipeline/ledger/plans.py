"""The stack plan of a round as JSON: resume and replay rebuild the same stacks from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.core.records import Stack, StackPlan
from pipeline.ledger.fitkey import decode_round, encode_round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.records import Fit, Round


def encode_plan(asked: Round, plan: StackPlan) -> dict[str, Any]:
    """Return a round with its plan; stacks name their fits by place in the round."""
    place = {fit: position for position, fit in enumerate(asked.fits)}
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
    return {"round": encode_round(asked), "plan": described}


def trained_in(
    asked: Round, plan: StackPlan, fit: Fit, together: Sequence[int]
) -> tuple[Stack, ...]:
    """Return the stack that a fit was trained in, with those fits alone that were trained with it.

    With others its numbers would be others, and it might be dropped: a rate is compared with its stack's.

    Args:
        asked: The round.
        plan: Of the round.
        fit: One of them.
        together: As of `fitrun.Place`.
    """
    stacks = tuple(stack for stack in plan.stacks if fit in stack.fits)
    if not together:
        return stacks
    beside = {asked.fits[place] for place in together if 0 <= place < len(asked.fits)} | {fit}
    return tuple(
        replace(stack, fits=tuple(one for one in stack.fits if one in beside)) for stack in stacks
    )


def decode_plan(document: dict[str, Any]) -> tuple[Round, StackPlan]:
    """Return what `encode_plan` wrote."""
    asked = decode_round(document["round"])
    plan = document["plan"]
    stacks = tuple(
        Stack(
            number=stack["number"],
            fits=tuple(asked.fits[position] for position in stack["fits"]),
            padded_units=tuple(stack["padded_units"]),
            padding=stack["padding"],
            bytes=stack["bytes"],
        )
        for stack in plan["stacks"]
    )
    return asked, StackPlan(stacks, plan["engine"], plan["sentence"])
