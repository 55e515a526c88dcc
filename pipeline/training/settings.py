"""The settings of training that are fixed over a search."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Objective, Trial
from pipeline.training.order import batch_size


@dataclass(frozen=True)
class Settings:
    """The settings of training that are fixed over a search. Class weights are in the arrays."""

    optimizer: str = "adam"
    """A Keras optimizer by name."""
    momentum: float = 0.0
    """Of SGD and RMSprop; no other optimizer has one."""
    ema: float = 0.0
    """Momentum of the moving average of the weights, which is validated and kept; 0: no average."""
    patience: int = 8
    """Epochs without improvement of the objective before a fit stops."""
    min_delta: float = 0.0
    """Smallest improvement that counts, in units of the objective."""
    objective: Objective = field(default_factory=Objective)
    """The objective of early stopping and of the best epoch."""
    batch_size: int | None = None
    """Rows of a step; None: from the number of rows (order.batch_size)."""
    drop_after: int = 0
    """Epochs after which a learning rate clearly behind is dropped; 0 = never."""
    drop_margin: float = 2.0
    """Standard errors over seeds by which it must be behind."""
    drop_kept: float = 0.5
    """It is kept where its gap has shrunk to this share since half of those epochs."""
    memory_share: float = 0.5
    """Share of free memory that running stacks may use."""
    mixed_precision: bool = False
    """bfloat16 arithmetic, weights in float32."""

    @classmethod
    def from_config(cls, config: SweepConfig, objective: Objective | None = None) -> Settings:
        """Return the settings of a sweep; an objective of None means val_loss."""
        training, search = config.training, config.search
        drops = search if isinstance(search, CapacityConfig) else None
        return cls(
            optimizer=training.optimizer,
            momentum=training.momentum,
            patience=training.patience,
            min_delta=training.min_delta,
            objective=objective or Objective(),
            batch_size=training.batch_size,
            drop_after=drops.drop_after if drops else 0,
            drop_margin=drops.drop_margin if drops else 0.0,
            drop_kept=drops.drop_kept if drops else 0.0,
            memory_share=training.memory_share,
            mixed_precision=training.mixed_precision,
        )

    def of(self, trial: Trial) -> Settings:
        """Return the settings with the trial's own values."""
        own: Any = {name: value for name, value in trial.nuisance if hasattr(self, name)}
        return replace(self, **own) if own else self

    def batch_of(self, trial: Trial, rows: int) -> int:
        """Return the rows of a step of this trial, at most `rows`."""
        return batch_size(self.of(trial).batch_size, rows)
