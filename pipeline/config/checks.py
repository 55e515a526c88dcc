"""What the types cannot say: ranges, and combinations of keys that cannot be meant.

Everything is found at once, before any data is read and without importing a framework.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.config.check_data import data_problems
from pipeline.config.check_search import ignored_problems, search_problems
from pipeline.config.keys import all_keys
from pipeline.config.names import ACTIVATIONS, OPTIMIZERS, USE_MOMENTUM
from pipeline.config.objectives import objective_problems
from pipeline.config.problems import Problem, problem
from pipeline.config.ranges import out_of_range
from pipeline.config.schema import ClassWeight, ComputeKind, SweepConfig, Task
from pipeline.config.suggest import did_you_mean
from pipeline.config.uris import uri_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def problems(config: SweepConfig, *, stored: bool = False) -> list[Problem]:
    """Return everything that is wrong with a configuration; an empty list when nothing is.

    A combination with a number that is out of range by itself is left out: it is one mistake.

    Args:
        config: What to check.
        stored: Whether a sweep has run with it: what nothing read then does no harm now.
    """
    values = dict(_leaves(asdict(config)))
    found = [*out_of_range(values), *_empty_texts(values)]
    wrong = {each.key for each in found}
    for check in (
        objective_problems,
        data_problems,
        model_problems,
        search_problems,
        training_problems,
        limit_problems,
        uri_problems,
        *([] if stored else [ignored_problems]),
    ):
        found += [each for each in check(config) if not _follows(each, wrong)]
    return found


def _empty_texts(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield texts that name nothing: `registry.name=` is a slip, `registry.name=null` is meant."""
    for key in all_keys().values():
        value = values.get(key.name)
        if key.is_text and isinstance(value, str) and (not value.strip() or "\0" in value):
            null = ", or null" if key.is_optional else ""
            yield problem(key.name, value, f"must not be empty{null}")


def _follows(found: Problem, wrong: set[str]) -> bool:
    """Return whether a combination is wrong only because one of its numbers is."""
    names = {found.key, *(f"{key.rpartition('.')[2]}=" for key in wrong)}
    return found.key in wrong or any(name in found.sentence for name in names - {found.key})


def model_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield combinations of the model family with its builder and with the data."""
    model = config.model
    if model.activation.lower() not in ACTIVATIONS:
        yield _unknown("model.activation", model.activation, ACTIVATIONS)
    if model.builder is not None and model.family != "builder":
        yield problem("model.family", model.family, "must be builder where model.builder is given")
    if model.family == "builder" and model.builder is None:
        yield problem("model.builder", None, "must name your function: package.module:function")
    if model.builder is not None and not _is_reference(model.builder):
        yield problem("model.builder", model.builder, "must look like package.module:function")
    for key, wants_images in (("family", model.family == "cnn"), ("augment", model.augment)):
        if wants_images and config.data.kind == "table":
            value = getattr(model, key)
            yield problem(
                f"model.{key}", value, "needs images (data.kind pixels or images), not a table"
            )


def training_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield combinations within training."""
    training = config.training
    if training.patience >= max(training.epochs, 2):
        yield problem(
            "training.patience",
            training.patience,
            f"must be below training.epochs={training.epochs}, or no fit can stop early",
        )
    if training.optimizer.lower() not in OPTIMIZERS:
        yield _unknown("training.optimizer", training.optimizer, OPTIMIZERS)
    elif training.momentum > 0 and training.optimizer.lower() not in USE_MOMENTUM:
        names = " or ".join(sorted(USE_MOMENTUM))
        yield problem("training.momentum", training.momentum, f"is read by {names} alone; say 0")
    if training.class_weight is ClassWeight.balanced and config.data.task is Task.regression:
        yield problem(
            "training.class_weight", "balanced", "needs classes, but data.task is regression"
        )


def limit_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield what is wrong within budget, compute, registry and the top level."""
    if config.budget.cost is not None and config.budget.cost_per_hour is None:
        yield problem(
            "budget.cost", config.budget.cost, "needs budget.cost_per_hour, this machine's price"
        )
    if config.compute.address is not None and config.compute.kind is ComputeKind.local:
        yield problem("compute.address", config.compute.address, "is read by compute=ray alone")
    if set(config.registry.name or "") & set("/:"):
        yield problem(
            "registry.name", config.registry.name, "must not hold / or :, as MLflow reads them"
        )
    if not config.resume.replace("-", "").replace("_", "").isalnum():
        yield problem("resume", config.resume, "must be no, auto, or the id of a sweep")


def _unknown(key: str, value: str, allowed: frozenset[str]) -> Problem:
    hint = did_you_mean(value, allowed)
    return problem(key, value, f"must be one of {', '.join(sorted(allowed))}{hint}")


def _is_reference(text: str) -> bool:
    module, colon, function = text.partition(":")
    parts = [*module.split("."), function]
    return bool(colon) and all(part.isidentifier() for part in parts)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
