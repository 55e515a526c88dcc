"""Stacks on a Ray cluster: tasks that a dying node repeats elsewhere; the sweep keeps the ledger."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.compute.splitting import train
from pipeline.errors import ConfigError
from pipeline.records import FitResult, Outcome
from pipeline.training.threads import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.config.schema import ComputeConfig
    from pipeline.control import Control, Progress
    from pipeline.family import Family
    from pipeline.records import Arrays, Fit, Stack, StackPlan
    from pipeline.training.engine import Settings

log = logging.getLogger(__name__)

RETRIES = 5
"""How often Ray starts a stack anew when the node or process that trains it dies."""
POLL_SECONDS = 0.5
"""Between two looks at budget and signals."""


class _Deaf:
    """The control of a worker: nobody listens there, and stopping is done by cancelling the task."""

    def report(self, progress: Progress) -> None:
        """Say nothing."""

    def stop_reason(self) -> str:
        """Never stop by itself."""
        return ""


def _train(
    engine_name: str, stack: Stack, arrays: Arrays, family: Family, settings: Settings
) -> list[FitResult]:
    """Train one stack; runs on a worker, which brings its own framework."""
    prepare()
    from pipeline.training.engine import engine

    return train(engine(engine_name), stack, arrays, family, settings, _Deaf())


@dataclass
class _Cluster:
    """One connection, and what the workers share, sent to the object store once."""

    ray: Any
    sent: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def put(self, value: Any) -> Any:
        """Return the reference of a value that all tasks share."""
        # The value is kept beside its reference: its id must not be used again while we know it.
        known = self.sent.setdefault(id(value), (value, None))
        if known[1] is None:
            self.sent[id(value)] = (value, self.ray.put(value))
        return self.sent[id(value)][1]


_CLUSTERS: dict[str | None, _Cluster] = {}


def _cluster(config: ComputeConfig) -> _Cluster:
    """Join or start the cluster that the configuration names.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """
    if config.address in _CLUSTERS:
        return _CLUSTERS[config.address]
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "compute=ray: Ray is not installed; pip install 'capacity-sweep[ray]', or use "
            "compute=local."
        ) from None
    try:
        ray.init(
            address=config.address,
            ignore_reinit_error=True,
            include_dashboard=False if config.address is None else None,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"compute.address={config.address}: no Ray cluster answers there ({error}); null starts "
            "one on this machine (conf/compute/ray.yaml)."
        ) from None
    return _CLUSTERS.setdefault(config.address, _Cluster(ray))


def run_on_ray(
    plan: StackPlan,
    arrays_of: Callable[[Fit], Arrays],
    family: Family,
    settings: Settings,
    control: Control,
    config: ComputeConfig,
) -> Iterator[tuple[Stack, list[FitResult]]]:
    """Train the stacks of a plan on the cluster; see compute.run."""
    cluster = _cluster(config)
    ray = cluster.ray
    remote = ray.remote(_train)
    shared = cluster.put(family), cluster.put(settings)
    waiting: list[Stack] = list(plan.stacks)
    running: dict[Any, tuple[Stack, float]] = {}
    most = config.workers or max(1, len(plan.stacks))
    reason = ""
    while waiting or running:
        while waiting and len(running) < most and not reason:
            stack = waiting.pop(0)
            options = {"num_cpus": 1, "max_retries": RETRIES, "memory": stack.bytes or None}
            task = remote.options(**options).remote(
                plan.engine, stack, cluster.put(arrays_of(stack.fits[0])), *shared
            )
            running[task] = stack, time.monotonic()
        done, _ = ray.wait(list(running), timeout=POLL_SECONDS) if running else ([], [])
        for task in done:
            stack, _ = running.pop(task)
            yield stack, ray.get(task)
        reason = reason or control.stop_reason()
        for task, (stack, started) in list(running.items()):
            hung = time.monotonic() - started > config.stack_seconds
            if reason or hung:
                ray.cancel(task, force=True)
                del running[task]
                yield stack, _given_up(stack, reason, config)
        if reason:
            waiting.clear()


def _given_up(stack: Stack, reason: str, config: ComputeConfig) -> list[FitResult]:
    """Return the results of a stack that was cancelled: told to stop, or hung."""
    outcome = Outcome.cut if reason else Outcome.infeasible
    message = (
        reason or f"its worker hung: longer than compute.stack_seconds={config.stack_seconds:g}"
    )
    if not reason:
        log.warning("stack %d is given up: %s", stack.number, message)
    return [FitResult(fit, outcome, {}, -1, None, None, 0.0, message=message) for fit in stack.fits]
