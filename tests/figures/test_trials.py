"""The tables that figures draw from say the same as the search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.figures.rates import learning_rates
from pipeline.figures.sizes import front as loss_against_parameters
from pipeline.figures.trials import (
    capacities,
    leader,
    median_runs,
    neighbours,
    pareto,
    role,
    scored_fits,
    trials,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.ledger.read import SweepRecord


def test_diverged_fits_are_never_scored(record: SweepRecord) -> None:
    """Only completed fits with a finite score take part."""
    assert set(scored_fits(record)["outcome"]) == {"completed"}
    assert len(scored_fits(record)) < len(record.fits)


def test_a_score_is_the_mean_of_its_executions(record: SweepRecord) -> None:
    """Mean over the executions, best first."""
    table = trials(record)
    fits = scored_fits(record)
    own = fits.loc[fits["trial"] == table["trial"].iloc[0], "best_val_loss"]
    assert table["score"].iloc[0] == pytest.approx(own.mean())
    assert table["loss"].is_monotonic_increasing


def test_the_gap_to_the_best_is_paired(record: SweepRecord) -> None:
    """A trial that is worse on every row by the same amount: no doubt but that of three seeds."""
    best = trials(record).iloc[0]
    fast = (record.fits["capacity"] == "1x32") & (record.fits["learning_rate"] != 0.003)
    record.fits.loc[fast, "outcome"] = "diverged"
    other = capacities(record).set_index("capacity").loc["1x32"]
    fits = record.fits.set_index(["trial", "execution"])
    for execution in range(3):
        ours = fits.loc[(other["trial"], execution), "run_id"]
        theirs = fits.loc[(best["trial"], execution), "run_id"]
        record.row_losses[ours] = record.row_losses[theirs] + np.float32(0.25)
        mask = record.fits["run_id"] == ours
        known = record.fits.loc[record.fits["run_id"] == theirs, "best_val_loss"].iloc[0]
        record.fits.loc[mask, "best_val_loss"] = known + 0.25
    row = capacities(record).set_index("capacity").loc["1x32"]
    assert row["gap"] == pytest.approx(0.25, abs=1e-6)
    assert row["gap_se"] < row["se"]


def test_the_best_capacity_has_no_gap(record: SweepRecord) -> None:
    """It is compared with itself."""
    table = capacities(record)
    assert table["gap"].min() == 0
    assert table["gap_se"].notna().all()


def test_capacities_stand_in_order_of_size(record: SweepRecord) -> None:
    """One row a capacity, smallest first."""
    table = capacities(record)
    assert table["parameters"].is_monotonic_increasing
    assert table["capacity"].is_unique


def test_neighbours_are_one_size_away(record: SweepRecord) -> None:
    """The next smaller and the next larger network that was tried."""
    smaller, larger = neighbours(record)
    assert (smaller["capacity"], larger["capacity"]) == ("2x41", "2x64")


def test_a_larger_metric_can_be_the_better_one(record: SweepRecord) -> None:
    """With val_auc:max the highest value leads, and losses are its negative."""
    record.config["objective"] = "val_auc:max"
    record.fits["best_val_auc"] = 1 - record.fits["best_val_loss"] / 2
    record.summary["champion"] = None
    table = trials(record)
    assert table["score"].iloc[0] == table["score"].max()
    assert leader(record)["trial"] == table["trial"].iloc[0]


def test_a_trial_that_lost_executions_does_not_lead(record: SweepRecord) -> None:
    """A mean over fewer executions than the rest may be low by luck."""
    record.summary["champion"] = None
    mask = (record.fits["trial"] == "1x32 lr 0.003") & (record.fits["execution"] > 0)
    record.fits.loc[mask, "outcome"] = "diverged"
    record.fits.loc[record.fits["trial"] == "1x32 lr 0.003", "best_val_loss"] = 0.01
    assert leader(record)["capacity"] != "1x32"


def test_the_champions_median_run_is_the_saved_one(record: SweepRecord) -> None:
    """The figure shows the very network that was saved."""
    entry = record.summary["champion"]
    assert median_runs(record)[entry["trial"]] == entry["run_id"]


def test_the_front_holds_what_no_smaller_one_beats(record: SweepRecord) -> None:
    """Along the front size grows and loss falls strictly; it ends at the best."""
    front = pareto(record)
    assert (np.diff(front["loss"]) < 0).all()
    assert front["loss"].iloc[-1] == capacities(record)["loss"].min()


def test_the_front_says_how_long_a_row_takes(record: SweepRecord) -> None:
    """Size is one price, time to predict another; a sweep that did not say it is drawn without."""

    def shown() -> list[str]:
        (line,) = [
            one for one in loss_against_parameters(record)[0].data if one.name == "Pareto front"
        ]
        return list(line.customdata)

    assert set(shown()) == {""}
    front = list(pareto(record)["capacity"])
    record.summary["pareto"] = [f"{name} lr 0.003" for name in front]
    record.summary["pareto_us_a_row"] = [0.5 + place for place in range(len(front))]
    assert shown() == [f", {0.5 + place:.2g} µs a row" for place in range(len(front))]


def test_without_a_champion_the_best_so_far_leads(kind: Callable[[str], SweepRecord]) -> None:
    """A killed sweep has a leader, and it is not called champion."""
    found = kind("killed")
    assert role(found) == "best so far"
    assert leader(found)["loss"] == trials(found)["loss"].min()


@pytest.mark.parametrize("name", ["hopeless", "unbegun"])
def test_tables_of_nothing_are_empty(name: str, kind: Callable[[str], SweepRecord]) -> None:
    """No usable fit: empty tables with their columns, no leader."""
    found = kind(name)
    assert trials(found).empty
    assert {"score", "gap", "parameters"} <= set(capacities(found))
    assert leader(found) is None
    assert neighbours(found) == (None, None)


def test_an_unknown_error_is_not_zero(kind: Callable[[str], SweepRecord]) -> None:
    """One execution without row losses says nothing of noise."""
    found = kind("single")
    found.row_losses = {}
    assert math.isnan(capacities(found)["se"].iloc[0])


def test_more_executions_stand_for_a_capacity(record: SweepRecord) -> None:
    """As in the search: a luckier score on fewer executions is no evidence against the leading one."""
    slow = record.fits["trial"] == "2x64 lr 0.001"
    record.fits.loc[slow, "best_val_loss"] = 0.1
    more = record.fits[record.fits["trial"] == "2x64 lr 0.003"].copy()
    more["execution"] += 3
    more["run_id"] = [f"more{i}" for i in range(len(more))]
    record.fits = pd.concat([record.fits, more], ignore_index=True)
    row = capacities(record).set_index("capacity").loc["2x64"]
    assert (row["trial"], row["executions"]) == ("2x64 lr 0.003", 6)
    rates = capacities(record)["learning_rate"]
    assert 0.001 not in set(rates)
    said = "The same rate" if len(set(rates)) == 1 else f"{rates.min():g} to {rates.max():g}"
    assert said in learning_rates(record)[1]


def test_a_trial_with_a_failed_execution_is_out(record: SweepRecord) -> None:
    """As in the search: one execution that diverged rules its trial out for good."""
    one = (record.fits["trial"] == "2x64 lr 0.003") & (record.fits["execution"] == 0)
    record.fits.loc[one, "outcome"] = "diverged"
    assert "2x64 lr 0.003" not in set(trials(record)["trial"])


def test_what_a_budget_cut_counts_where_it_ended_the_sweep(record: SweepRecord) -> None:
    """The champion may be among it; trained again after a resume, a fit counts once."""
    chosen = record.summary["champion"]["trial"]
    own = record.fits["trial"] == chosen
    record.fits.loc[own, "outcome"] = "cut"
    assert chosen not in set(trials(record)["trial"])  # a signal, or no end yet: trained again
    record.summary["status"] = "budget"
    assert leader(record)["trial"] == chosen
    assert trials(record).set_index("trial").loc[chosen, "executions"] == own.sum()
    again = record.fits[own].assign(outcome="completed", run_id="e" * 32, best_val_loss=0.1)
    record.fits = pd.concat([record.fits, again], ignore_index=True)
    assert trials(record).set_index("trial").loc[chosen, "score"] == pytest.approx(0.1)
    assert len(scored_fits(record)) == len(
        scored_fits(record).drop_duplicates(["trial", "execution"])
    )
