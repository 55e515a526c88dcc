"""Per-trial values: what may differ from trial to trial beside capacity and learning rate.

One field of `NuisanceConfig`, made with `per_trial`, is all that a value needs: its key, its checks, the
axis of every search, the trial's name and fit key, MLflow's parameter, the report's column, and what shares a
program follow from it. Training takes it where a setting or a part of `model` has the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pipeline.config.ranges import Range

_META = "per_trial"


@dataclass(frozen=True)
class PerTrial:
    """One per-trial value."""

    idle: tuple[Any, ...]
    """The list that leaves it out of every trial: empty, or the one value that does nothing."""
    names: frozenset[str]
    """Those it may be, in lower case; empty: the type and the range say all."""
    program: Callable[[Any], Hashable]
    """What of the value a program is compiled for: fits that differ in it train in stacks of their own."""
    own_rates: bool = False
    """Whether each value wants learning rates of its own: it is tried at those around the best one."""
    kind: type = str


def per_trial(
    *idle: Any,
    allowed: Range | None = None,
    names: frozenset[str] = frozenset(),
    program: Callable[[Any], Hashable] = lambda value: value,
    own_rates: bool = False,
) -> Any:
    """Return the field of a per-trial value; arguments as of `PerTrial`.

    Without `program` no two fits that differ in the value share a stack.
    """
    one = PerTrial(idle, names, program, own_rates)
    return field(default_factory=lambda: list(idle), metadata={"range": allowed, _META: one})


def any_value(value: Any) -> Hashable:  # noqa: ARG001 - of every value the same
    """Return what a program is compiled for where every member has a value of its own."""
    return None


def declared(owner: type) -> dict[str, PerTrial]:
    """Return the per-trial values among the fields of a dataclass, by name, as they stand there."""
    hints = get_type_hints(owner)
    return {
        one.name: replace(one.metadata[_META], kind=get_args(hints[one.name])[0])
        for one in fields(owner)
        if _META in one.metadata
    }
