"""Hard limits of a sweep in seconds, fits and money, counted from the start of the process."""

from __future__ import annotations

import time

import psutil

from pipeline.config.schema import BudgetConfig

SECONDS_AN_HOUR = 3600.0

_LOADED = time.monotonic()


def _age_when_loaded() -> float:
    """Return the age of this process when this module was loaded, in seconds.

    The kernel gives the start as wall time. A clock that was set meanwhile would falsify the age, so an
    implausible one counts as 0; from here on only the monotonic clock is used.
    """
    age = time.time() - psutil.Process().create_time()
    return age if 0 <= age < SECONDS_AN_HOUR else 0.0


_AGE = _age_when_loaded()


def process_seconds() -> float:
    """Return the wall time since this process started, in seconds; unaffected by setting the clock."""
    return _AGE + time.monotonic() - _LOADED


def limits(config: BudgetConfig) -> list[tuple[float, str]]:
    """Return the limits of time and money, both in seconds, with their settings, the tightest first."""
    budgets = []
    if config.seconds is not None:
        budgets.append((config.seconds, f"budget.seconds={config.seconds:g}"))
    if config.cost is not None and config.cost_per_hour is not None:
        seconds = config.cost / config.cost_per_hour * SECONDS_AN_HOUR
        budgets.append((seconds, f"budget.cost={config.cost:g}"))
    return sorted(budgets, key=lambda limit: limit[0])


class Budget:
    """The limits of a sweep, and what is left of them."""

    def __init__(self, config: BudgetConfig) -> None:
        """Bind the limits."""
        self._config = config
        self.before = 0.0
        """Seconds that earlier processes of a resumed sweep took."""
        self._began = self._cpu_began = 0.0
        self.reserve = 0.0
        """Seconds kept for saving, testing and the report."""
        self._end = ""

    def restart(self, began: float | None = None) -> None:
        """Count from now, or from `began` in `process_seconds`, where the process did other work before."""
        self._began = process_seconds() if began is None else began
        self._cpu_began = time.process_time()

    @property
    def owns_process(self) -> bool:
        """Whether the process was started for this sweep, so that its seconds include the imports."""
        return self._began == 0.0

    def elapsed(self) -> float:
        """Return seconds of wall time of this sweep in this process."""
        return process_seconds() - self._began

    def load(self) -> float:
        """Return the wall seconds of this process for each of its processor seconds; 1 on an idle machine.

        Valid before training begins, as until then there is one thread, which never waits.
        """
        return max(1.0, self.elapsed() / max(time.process_time() - self._cpu_began, 0.1))

    def spent(self) -> float:
        """Return seconds of wall time of this sweep, over all its resumes."""
        return self.before + self.elapsed()

    @property
    def limit(self) -> float | None:
        """The limit in seconds: the tighter of time and money; None without either."""
        return next((seconds for seconds, _ in limits(self._config)), None)

    def seconds_left(self) -> float | None:
        """Return seconds left for training, the reserve taken off; None without a limit."""
        return None if self.limit is None else self.limit - self.spent() - self.reserve

    def fits_left(self, done: int) -> int | None:
        """Return how many more fits may be trained; None without a limit."""
        return None if self._config.fits is None else max(0, self._config.fits - done)

    def cost(self) -> float | None:
        """Return the money spent so far; None without a price."""
        price = self._config.cost_per_hour
        return None if price is None else self.spent() / SECONDS_AN_HOUR * price

    def ended(self) -> str:
        """Return a sentence when time or money for training has ended, else an empty string.

        Once ended it stays so, although the reserve may shrink when nothing trains any more.
        """
        left = self.seconds_left()
        if not self._end and left is not None and left <= 0:
            kept = f", {self.reserve:.0f} s of the budget kept for saving" if self.reserve else ""
            self._end = f"{self._name} ended after {self.spent():.0f} s{kept}"
        return self._end

    def too_short(self) -> str:
        """Return a sentence for fits that were not begun because they would not finish an epoch."""
        left = max(0.0, self.seconds_left() or 0.0)
        return (
            f"{self._name} ended after {self.spent():.0f} s: no fit that is left would finish an epoch "
            f"in the {left:.0f} s before saving"
        )

    @property
    def _name(self) -> str:
        """The limit that holds, as it is configured."""
        return limits(self._config)[0][1]
