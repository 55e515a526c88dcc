"""The errors of a user, each with its exit code (the contract of the command line)."""

from __future__ import annotations


class SweepError(Exception):
    """An error that the user can correct; printed as one message, never as a traceback."""

    exit_code = 1


class ConfigError(SweepError):
    """The configuration cannot be used; the message has key, value, what is allowed, where to change it."""

    exit_code = 2


class DataError(SweepError):
    """The data cannot be used."""

    exit_code = 2


class BudgetError(SweepError):
    """The budget ended before one usable trial."""

    exit_code = 3


class NoUsableTrialError(SweepError):
    """Every trial diverged, failed or was too large."""

    exit_code = 4


class StoreError(SweepError):
    """The tracking store is out of reach; finished fits are kept and the sweep can be resumed."""

    exit_code = 5


class LostStoreError(StoreError):
    """The files of the tracking store were deleted during the sweep; it cannot be resumed."""


class Interrupted(SweepError):  # noqa: N818 - not an error: a signal requested it
    """A signal ended the sweep; finished fits are recorded and the message says how to resume."""

    def __init__(self, message: str, signal_number: int) -> None:
        """Keep the signal: the exit code is 128 plus its number, as shells expect."""
        super().__init__(message)
        self.exit_code = 128 + signal_number
