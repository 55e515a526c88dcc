"""Which fits can share a program, and why the others cannot. Pure."""

from __future__ import annotations

from pipeline.core.family import Family
from pipeline.core.records import Arrays
from pipeline.training.settings import Settings

ELEMENTWISE = {"sgd", "rmsprop", "adam", "adamw", "adamax", "adagrad", "adadelta", "ftrl", "lion"}
"""Optimizers that treat every weight by itself, so that a padded zero stays zero. The others mix
elements (norms, factored moments) or keep state outside `update_step` (Nadam)."""


def why_not_stacked(family: Family, settings: Settings) -> str:
    """Return why fits cannot share a program; an empty string when they can.

    Args:
        family: Of their networks.
        settings: With the fits' own values (`Settings.of`).
    """
    if not family.stackable:
        return f"networks of the {family.name} family cannot share a program"
    if settings.optimizer.lower() not in ELEMENTWISE:
        return f"optimizer {settings.optimizer} does not treat every weight by itself"
    return ""


def why_not_in_memory(arrays: Arrays, room: float) -> str:
    """Return why a table is not brought to the device once more; an empty string when it can be.

    Args:
        arrays: The table, which is in memory already; `fit` trains from there.
        room: Bytes that stacks may use.
    """
    held = (arrays.x_train, arrays.y_train, arrays.x_val, arrays.y_val)
    size = sum(array.nbytes for array in held)
    if size <= room:
        return ""
    return (
        f"another copy of its table takes {size / 1e9:.3g} GB, and stacks may use {room / 1e9:.3g} GB "
        "(training.memory_share)"
    )


def engine_used(asked: str, family: Family, settings: Settings) -> str:
    """Return the engine that trains: the one asked for, or `fit` where fits cannot be stacked."""
    return "fit" if why_not_stacked(family, settings) else asked
