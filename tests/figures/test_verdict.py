"""The words of a report: the answer, the verdict and what to run next."""

from __future__ import annotations

import ast
import shlex
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.figures.advice import next_command, remarks
from pipeline.figures.baselines import baseline_scores
from pipeline.figures.curves import training
from pipeline.figures.findings import all_findings, by_code, failures
from pipeline.figures.predictions import miscalibration
from pipeline.figures.sizes import NOT_KNOWN, fitting
from pipeline.figures.tables import lowest
from pipeline.figures.trials import capacities
from pipeline.figures.verdict import answer, headline, network
from tests.figures.conftest import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.figures.remark import Remark
    from pipeline.ledger.read import SweepRecord


def remark(record: SweepRecord, topic: str) -> Remark:
    """Return the remark on a topic; there must be exactly one."""
    (found,) = [one for one in remarks(record) if one.topic == topic]
    return found


def next_words(record: SweepRecord) -> list[str]:
    """Return the words of the next command line."""
    return shlex.split(next_command(record)[0])


def test_the_answer_is_three_sentences(any_record: SweepRecord) -> None:
    """Every kind of sweep has an answer of three sentences, each ending as one."""
    sentences = answer(any_record)
    assert len(sentences) == 3
    assert all(sentence.endswith(".") for sentence in sentences)
    assert headline(any_record)


def test_the_answer_names_network_reason_and_honest_score(record: SweepRecord) -> None:
    """What to use, why not the best score, how good on test rows beside the best baseline."""
    use, why, good = answer(record)
    assert use.startswith("Use 2 hidden layers of 51 units (3,214 parameters)")
    assert "smallest network within one standard error of the best of 9 capacities: 2x64" in why
    assert "2x64" in why
    assert good.startswith("Test RMSE 4.12, loss ")
    assert "gradient boosting" in good


def test_an_ensemble_is_as_large_as_its_networks_together(record: SweepRecord) -> None:
    """Fifteen networks are not sold as one."""
    record.summary["champion"]["networks"] = 15
    use, *_ = answer(record)
    assert "(the average of 15 networks of 3,214 parameters each)" in use


def test_a_selection_of_networks_is_not_called_by_the_size_of_one(record: SweepRecord) -> None:
    """The networks of `champion=greedy` are of several sizes; the capacity is that of one chosen alone."""
    record.summary["champion"] |= {"kind": "greedy", "networks": 5, "total_parameters": 8773}
    use, *_ = answer(record)
    assert headline(record) == "The average of 5 networks"
    assert use.startswith("Use the average of 5 networks of the sweep, 8,773 parameters in all; of")
    assert "alone 2 hidden layers of 51 units is chosen, at learning rate" in use
    record.summary["champion"]["networks"] = 1
    assert headline(record) == "2 hidden layers of 51 units"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("killed", "interrupted"),
        ("hopeless", "No trial was usable"),
        ("unbegun", "before its first fit"),
        ("single", "only capacity"),
    ],
)
def test_a_broken_sweep_says_so(name: str, said: str, kind: Callable[[str], SweepRecord]) -> None:
    """Killed, without a usable trial, before the first fit, with one trial: in the answer."""
    assert said in " ".join(answer(kind(name)))


def test_a_spent_budget_is_said(record: SweepRecord) -> None:
    """A champion by budget is the best so far, in three sentences still."""
    record.summary["status"] = "budget"
    assert "budget ended before the search was over" in answer(record)[1]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"layers": 0, "units": 0}, "No hidden layer: the linear model"),
        ({"layers": 1, "units": 32}, "1 hidden layer of 32 units"),
        ({"layers": 2, "units": 50, "widths": [50, 32]}, "2 hidden layers of 50 and 32 units"),
        ({"blocks": 2, "filters": 16, "layers": 2}, "2 convolutional blocks, 16 filters"),
    ],
)
def test_networks_are_said_in_words(entry: dict[str, object], said: str) -> None:
    """Linear models, equal and unequal layers, convolutions."""
    assert network(entry) == said


def test_a_better_baseline_is_admitted(record: SweepRecord) -> None:
    """Gradient boosting beyond noise is preferred in words, and an encoding is suggested."""
    record.summary["baselines"]["gradient_boosting"]["test_loss"] = 0.2
    assert "and is better (" in answer(record)[2]
    assert "prefer it" in answer(record)[2]
    assert "search.nuisance.encoding=[standard,quantile,embedded]" in next_words(record)
    own = replace(record, config={**record.config, "model.family": "builder"})
    assert "search.nuisance.encoding=[standard,quantile,piecewise]" in next_words(own)
    for change in (
        {"data.kind": "images"},
        {"search.nuisance.encoding": "['standard', 'quantile', 'embedded']"},
    ):
        config = {**record.config, **change}
        assert not remark(replace(record, config=config), "baselines").overrides


def test_the_ensemble_is_no_baseline(record: SweepRecord) -> None:
    """The average of the champion's executions stands beside it but is not what it must beat."""
    assert "average of its executions" in set(baseline_scores(record)["model"])
    assert "average" not in answer(record)[2]


@pytest.mark.parametrize(
    ("change", "topic", "override"),
    [
        ({"search.space.layers_max": "2"}, "depth", "search.space.layers_max=4"),
        ({"search.space.units_max": "64"}, "width", "search.space.units_max=256"),
        ({"search.learning_rate.high": "0.003"}, "learning rate", "search.learning_rate.high=0.03"),
        ({"search.learning_rate.low": "0.003"}, "learning rate", "search.learning_rate.low=0.0003"),
    ],
)
def test_an_edge_is_named_and_widened(
    change: dict[str, str], topic: str, override: str, record: SweepRecord
) -> None:
    """The champion on an edge of the space: a warning, and the next command widens it."""
    record.config |= change
    assert remark(record, topic).severity == "warning"
    assert override in next_words(record)


@pytest.mark.parametrize(
    ("change", "code", "topic", "said"),
    [
        ({"search.learning_rate.high": "0.003"}, "rate-too-high", "learning rate", "it overshoots"),
        ({"search.learning_rate.high": "0.003"}, "first-epoch", "learning rate", "no higher one"),
        ({"search.learning_rate.high": "0.003"}, "lucky-epoch", "learning rate", "no higher one"),
        ({"search.learning_rate.high": "0.003"}, "dead-units", "learning rate", "no higher one"),
        ({"search.learning_rate.low": "0.003"}, "rate-too-low", "learning rate", "no lower one"),
        ({"search.space.layers_max": "2"}, "overfitting", "depth", "it over-fits in 3 of its 3"),
        ({"search.space.layers_max": "2"}, "vanishing-gradients", "depth", "no deeper one"),
        ({"search.space.units_max": "64"}, "overfitting", "width", "no wider one is needed."),
    ],
)
def test_nothing_is_advised_that_diagnosis_advises_against(
    change: dict[str, str], code: str, topic: str, said: str, record: SweepRecord
) -> None:
    """An edge is named all the same, and what follows says nothing of it."""
    record.config |= change
    found = {"code": code, "severity": "warning", "sentence": "the opposite"}
    record.fits["findings"] = [[found]] * len(record.fits)
    named = remark(record, topic)
    assert (named.overrides, named.severity) == ((), "info")
    assert said in named.sentence
    words, why = next_command(record)
    assert not any(word.startswith(next(iter(change))) for word in words.split())
    assert "edge" not in why


def test_no_higher_rate_is_tried_where_too_many_diverged(record: SweepRecord) -> None:
    """One command cannot leave out the rates that diverge and try higher ones."""
    fast = record.fits["learning_rate"] == 0.01
    record.fits.loc[fast, "outcome"] = "diverged"
    record.config |= {"search.learning_rate.high": "0.003"}
    assert remark(record, "learning rate").overrides == ()
    assert "beyond" not in next_command(record)[1]


@pytest.mark.parametrize(
    ("config", "diverged_from", "executions", "said"),
    [
        ({"search.learning_rate.start": "0.003"}, 0.003, 3, "search.learning_rate.start=0.001"),
        ({"search.learning_rate.start": "0.003"}, 0.001, 3, "search.learning_rate.start=1e-05"),
        (
            {"search.learning_rate.values": "[0.001, 0.003, 0.01]"},
            0.003,
            3,
            "search.learning_rate.values=[0.001]",
        ),
        (
            {"search.learning_rate.values": "[0.001, 0.003]"},
            0.001,
            3,
            "search.learning_rate.values=[1e-06,1e-05,0.0001]",
        ),
        (
            {"search.max_executions": "15", "search.one_se": "3.0"},
            None,
            9,
            "search.max_executions=18",
        ),
        (
            {"search.kind": "grid", "search.space.units": "[32, 51]"},
            None,
            3,
            "search.space.units=[32,51,102]",
        ),
        (
            {"search.kind": "grid", "search.space.units": "[51, 2048]"},
            None,
            3,
            "search.space.units_max=4096",
        ),
    ],
)
def test_what_to_run_next_is_a_command_that_is_taken(
    config: dict[str, str],
    diverged_from: float | None,
    executions: int,
    said: str,
    make: Callable[..., SweepRecord],
) -> None:
    """Whatever is proposed: it composes, with the sweep's own settings before it."""
    from pipeline.config.compose import compose

    found = make(PATH, executions)
    found.config |= config
    if "search.space.units" in config:
        found.summary["champion"]["units"] = ast.literal_eval(config["search.space.units"])[-1]
    if diverged_from is not None:
        fast = found.fits["learning_rate"] >= diverged_from
        found.fits.loc[fast, "outcome"] = "diverged"
    elif "search.max_executions" in config:
        draw = np.random.default_rng(0)  # rows agree, seeds do not
        found.row_losses = {
            run: np.full(91, 0.4 + 0.05 * draw.normal(), np.float32) for run in found.row_losses
        }
    proposed = [word for one in remarks(found) for word in one.overrides]
    assert said in proposed
    search = f"search={config.get('search.kind', 'capacity')}"
    skipped = {"search.kind"}
    own = [f"{key}={value}" for key, value in config.items() if key not in skipped]
    if "search.space.units" in config:
        own.append("search.space.units_max=2048")
    replaced = {word.split("=", 1)[0] for word in proposed}
    compose([search, *(word for word in own if word.split("=", 1)[0] not in replaced), *proposed])


@pytest.mark.parametrize(
    ("rule", "trial", "said"),
    [
        ("best", "best", "as search.prefer=best asks"),
        ("knee", "best", "search.prefer=knee asks; which scores best too"),
        ("knee", "chosen", "search.prefer=knee asks; "),
        ("smallest", "chosen", "smallest network within one standard error of"),
    ],
)
def test_the_reason_is_that_of_the_rule(
    rule: str, trial: str, said: str, record: SweepRecord
) -> None:
    """Only where size decides do noise and size stand in the answer."""
    record.config["search.prefer"] = rule
    if trial == "best":
        record.summary["champion"]["trial"] = lowest(capacities(record), "loss")["trial"]
    assert said in answer(record)[1]
    decides = "size decided" in remark(record, "how sure").sentence
    assert decides is (rule == "smallest")


def test_no_edge_is_good_news(record: SweepRecord) -> None:
    """A champion inside the space says so."""
    assert remark(record, "the space").severity == "good"


def test_a_champion_cut_by_its_epochs_wants_more(record: SweepRecord) -> None:
    """Most executions best in the last epoch allowed: twice the epochs next."""
    own = record.fits["trial"] == record.summary["champion"]["trial"]
    record.fits.loc[own, "best_epoch"] = 99
    assert "training.epochs=200" in next_words(record)


def test_many_failures_shrink_the_rates(record: SweepRecord) -> None:
    """More than a fifth diverged: the largest rate that trained becomes the limit."""
    fast = record.fits["learning_rate"] == 0.01
    record.fits.loc[fast, "outcome"] = "diverged"
    assert remark(record, "failures").severity == "warning"
    assert "search.learning_rate.high=0.003" in next_words(record)


def test_when_everything_diverged_lower_rates_come_next(
    kind: Callable[[str], SweepRecord],
) -> None:
    """Resuming would repeat the failure: the whole range moves below what was tried."""
    found = next_words(kind("hopeless"))
    assert "search.learning_rate.high=0.0001" in found
    assert not any(word.startswith("resume=") for word in found)


def test_a_cut_sweep_is_resumed_with_its_own_words(kind: Callable[[str], SweepRecord]) -> None:
    """The same words and resume=; a used-up budget and Hydra's folder are left out."""
    found = kind("killed")
    found.summary = {"status": "budget"}
    found.command = (
        "data=wages",
        "budget.fits=36",
        "'hydra.run.dir=/tmp/x y'",
        "'data.drop=[a b]'",
    )
    expected = ["python", "-m", "pipeline.sweep", "data=wages", "data.drop=[a b]"]
    assert next_words(found) == [*expected, f"resume={found.run_id}"]


def test_a_clear_choice_asks_for_another_seed(make: Callable[..., SweepRecord]) -> None:
    """Nothing close, nothing on an edge: the one question left is whether it repeats."""
    found = make(("linear", "1x32", "1x64"), 3)
    found.row_losses = {run: np.full(91, 0.4, np.float32) for run in found.row_losses}
    assert remark(found, "how sure").severity == "good"
    assert next_words(found)[-1] == "seed=1"


def test_fits_cut_by_a_budget_are_no_failures(record: SweepRecord) -> None:
    """They are trained again on resume: neither counted nor blamed."""
    cut = record.fits["outcome"] == "diverged"
    record.fits.loc[cut, "outcome"] = "cut"
    assert failures(record).empty
    assert remark(record, "failures").severity == "good"


def test_close_capacities_are_named(record: SweepRecord) -> None:
    """What these rows cannot tell apart is said by name, with what would settle it."""
    draw = np.random.default_rng(0)  # seeds agree, rows do not
    record.row_losses = {run: draw.gamma(1, 0.4, 91) for run in record.row_losses}
    record.fits["best_val_loss"] = record.fits.groupby("trial")["best_val_loss"].transform("mean")
    found = remark(record, "how sure")
    assert "2x51" in found.sentence
    assert found.overrides == ("data.folds=5",)


def test_findings_are_counted_worst_first(record: SweepRecord) -> None:
    """Severe before warnings, each with how many fits show it and one example."""
    table = by_code(all_findings(record))
    assert list(table["code"]) == ["diverged", "under-fit"]
    assert list(table["fits"]) == [3, 9]


def test_every_failed_trial_has_its_reason(record: SweepRecord) -> None:
    """One row a failed trial, with the message of its fits."""
    table = failures(record)
    assert list(table["trial"]) == ["3x64 lr 0.01"]
    assert "not finite" in table["why"].iloc[0]


@pytest.mark.parametrize(
    ("gap", "more", "severity", "said"),
    [
        (0.02, None, "good", "within noise"),
        (0.3, None, "info", "or the test rows are harder"),
        (-0.3, None, "info", "easier"),
        (0.3, 0.05, "info", "rows are harder"),  # the baseline rose by 0.25 as well
        (0.3, 0.28, "info", "choosing the best of many flatters"),
        (0.02, 0.28, "info", "choosing the best of many flatters"),  # easy rows hid it
    ],
)
def test_a_rise_is_called_flattery_only_beyond_what_baselines_rise(
    gap: float, more: float | None, severity: str, said: str, record: SweepRecord
) -> None:
    """A baseline has chosen nothing: what it rises by is the rows' doing, not the choice's."""
    record.summary["optimism"] = gap
    if more is not None:
        record.summary["optimism_beside"] = {
            "constant": {"more": 9.0, "more_se": 5.0},
            "gradient_boosting": {"more": more, "more_se": 0.04},
        }
    found = remark(record, "optimism")
    assert (found.severity, said in found.sentence) == (severity, True)
    assert ("flatters" in found.sentence) == ("flatters" in said)
    if (gap, more) == (0.02, 0.28):
        assert "boosting, which chose nothing, 0.260 below its own" in found.sentence


def beside(record: SweepRecord, lag: float, se: float, *, name: str = "gradient_boosting") -> None:
    """Say how far a baseline lies behind the champion on the same test rows."""
    loss = record.summary["champion"]["test_loss"] + lag
    record.summary["baselines"][name] |= {"test_lag": lag, "test_lag_se": se, "test_loss": loss}


@pytest.mark.parametrize(
    ("lag", "se", "said"),
    [
        (0.018, 0.01, "no different beyond noise"),  # 1.8 standard errors
        (0.008, 0.01, "no different beyond noise"),
        (0.021, 0.01, "the network is worth having"),
        (-0.019, 0.01, "no different beyond noise"),
        (-0.021, 0.01, "and is better"),
    ],
)
def test_the_champion_and_a_baseline_are_compared_in_pairs(
    lag: float, se: float, said: str, record: SweepRecord
) -> None:
    """Two standard errors of the paired difference, whatever the two scores' own errors are."""
    for name in ("constant", "linear"):
        beside(record, 0.5, 0.01, name=name)
    beside(record, lag, se)
    assert said in answer(record)[2]
    worse = [one for one in remarks(record) if one.topic == "baselines"]
    assert bool(worse) is ("is better" in said)


def test_the_verdict_goes_by_the_objective(record: SweepRecord) -> None:
    """Where AUC is what was asked for, a better log-loss of a baseline does not decide."""
    champion, others = record.summary["champion"], record.summary["baselines"]
    champion |= {"objective": "val_auc", "score": 0.9}
    others["single"] |= {"test_auc": 0.91}
    for name, auc in (("constant", 0.5), ("linear", 0.8), ("gradient_boosting", 0.85)):
        others[name] |= {"test_auc": auc, "test_lag": 0.91 - auc, "test_lag_se": 0.01}
    others["gradient_boosting"]["test_loss"] = 0.01
    assert (
        "gradient boosting, the best baseline, has AUC 0.850: the network is worth"
        in answer(record)[2]
    )
    assert not [one for one in remarks(record) if one.topic == "baselines"]


def test_pure_noise_is_a_verdict_of_the_answer(record: SweepRecord) -> None:
    """No better than a constant beyond noise: said first, as a warning, and not sold as a network."""
    for name in ("constant", "linear", "gradient_boosting"):
        beside(record, 0.01, 0.01, name=name)
    use, _, good = answer(record)
    assert use.startswith("No network is better than a constant prediction beyond noise")
    assert "pure noise" in good
    assert "worth having" not in good
    assert remark(record, "no signal").severity == "warning"
    beside(record, 0.1, 0.06, name="constant")  # a gain of a fifth is not ruled out by so few rows
    assert "pure noise" not in answer(record)[2]
    assert "too few to tell" in answer(record)[2]
    beside(record, -0.05, 0.01)  # boosting does find something
    assert "pure noise" not in answer(record)[2]
    assert "gradient boosting is better" in answer(record)[2]
    beside(record, -0.06, 0.01, name="constant")
    assert "it is worse than a constant prediction" in answer(record)[2]
    assert "prefer that" in answer(record)[2]
    beside(record, 0.05, 0.01, name="constant")  # the planted opposite
    assert answer(record)[0].startswith("Use ")
    assert not [one for one in remarks(record) if one.topic == "no signal"]


def test_an_incumbent_is_no_baseline(record: SweepRecord) -> None:
    """The model in production stands in the summary beside the baselines, and is none of them."""
    record.summary["baselines"]["incumbent"] = {"test_loss": 0.01, "test_loss_se": 0.001}
    assert "incumbent" not in answer(record)[2]


@pytest.mark.parametrize(
    ("status", "chosen", "said", "not_said"),
    [
        ("finished", "best", "the choice is clear", "cut"),
        ("budget", "best", "before the search was cut", "clear"),
        ("finished", "other", "which was not chosen", "clear"),
    ],
)
def test_a_choice_is_clear_only_when_all_was_tried(
    status: str, chosen: str, said: str, not_said: str, make: Callable[..., SweepRecord]
) -> None:
    """Two standard errors, the whole search, and the best score is what was chosen."""
    found = make(("linear", "1x32", "1x64"), 3)
    found.row_losses = {run: np.full(91, 0.4, np.float32) for run in found.row_losses}
    table = capacities(found)
    pick = lowest(table, "loss") if chosen == "best" else table.iloc[0]
    found.summary["champion"]["trial"] = pick["trial"]
    found.summary["status"] = status
    sentence = remark(found, "how sure").sentence
    assert said in sentence
    assert not_said not in sentence


def test_size_did_not_decide_where_the_best_score_was_chosen(record: SweepRecord) -> None:
    """The smallest within noise happens to be the best: nothing was traded for size."""
    best = lowest(capacities(record), "loss")
    record.summary["champion"] |= {"trial": best["trial"], "capacity": best["capacity"]}
    assert "size decided" not in remark(record, "how sure").sentence


def test_accuracy_stands_beside_what_naming_one_class_gets(record: SweepRecord) -> None:
    """95 % is nothing where one class has 95 %; and 99.67 % is not 100."""
    metrics = {"accuracy": 0.9967, "base_rate": 0.95, "auc": 0.71}
    record.summary["champion"]["test_metrics"] = metrics
    good = answer(record)[2].replace("\N{NO-BREAK SPACE}", " ")
    assert "accuracy 99.7 % (most frequent class 95 %), AUC 0.71" in good


@pytest.mark.parametrize(("rows", "said"), [(30, False), (3000, True)])
def test_probabilities_are_called_off_only_beyond_what_a_perfect_model_shows(
    rows: int, said: bool, make: Callable[..., SweepRecord]
) -> None:
    """On 30 rows chance alone puts a perfect model off by more than a tenth."""
    found = make(classes=("no", "yes"))
    share = np.linspace(0.05, 0.95, rows)
    draw = np.random.default_rng(1)
    truth = np.where(draw.random(rows) < np.clip(share + 0.12, 0, 1), "yes", "no")
    found.predictions = pd.DataFrame(
        {
            "row": np.arange(rows),
            "part": "test",
            "truth": truth,
            "prediction": np.where(share > 0.5, "yes", "no"),
            "probability_no": 1 - share,
            "probability_yes": share,
        }
    )
    assert bool([one for one in remarks(found) if one.topic == "calibration"]) is said


def test_a_perfect_model_stays_below_the_calibration_noise() -> None:
    """The bound holds 19 times in 20, for few and many rows."""
    draw = np.random.default_rng(0)
    for rows in (30, 300):
        below = []
        for _ in range(300):
            share = draw.random(rows)
            table = pd.DataFrame(
                {"part": "test", "probability_a": 1 - share, "probability_b": share}
            )
            table["truth"] = np.where(draw.random(rows) < share, "b", "a")
            record = SimpleNamespace(predictions=table)
            error, noise = miscalibration(record)
            below.append(error < noise)
        assert 0.91 <= np.mean(below) <= 0.985


def test_promotion_and_its_reason_are_told(record: SweepRecord) -> None:
    """What happened to the model in production stands in the report."""
    record.summary["registry"] = {"promoted": False, "reason": "not better than version 3."}
    assert remark(record, "production").sentence == "not better than version 3."


def test_explicit_lists_are_widened_as_lists(record: SweepRecord) -> None:
    """A grid names its rates and units: the next command goes one step beyond them."""
    record.config |= {
        "search.learning_rate.values": "[0.001, 0.003]",
        "search.space.units": "[32, 51]",
    }
    found = next_words(record)
    assert "search.learning_rate.values=[0.001,0.003,0.03]" in found
    assert "search.space.units=[32,51,102]" in found


def test_explicit_architectures_have_no_edge(record: SweepRecord) -> None:
    """Networks that were named one by one leave nothing to widen."""
    record.config |= {"search.space.architectures": "[[51, 51]]", "search.space.layers_max": "2"}
    assert not [one for one in remarks(record) if one.topic in {"depth", "width"}]


def found_in(record: SweepRecord, code: str, severity: str, *, trial: str | None = None) -> None:
    """Plant a finding in all fits of a trial (of all but the champion's, where it is not named)."""
    champion = record.fits["trial"] == record.summary["champion"]["trial"]
    own = champion if trial == "champion" else ~champion
    planted = [{"code": code, "severity": severity, "sentence": "what is wrong"}]
    findings = [planted if is_own else [] for is_own in own]
    record.fits["findings"] = pd.Series(findings, index=record.fits.index)


def test_what_is_gravely_wrong_with_the_champion_comes_first(record: SweepRecord) -> None:
    """Dead units in the champion stand before everything; in other fits they are one finding of many."""
    found_in(record, "dead-units", "severe")
    assert remarks(record)[0].severity != "severe"
    found_in(record, "dead-units", "severe", trial="champion")
    assert (remarks(record)[0].topic, remarks(record)[0].sentence) == (
        "dead units",
        "What is wrong.",
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [("first-epoch", "best in their first epoch"), ("lucky-epoch", "the score flatters")],
)
def test_a_champion_kept_at_an_epoch_of_luck_is_named(
    code: str, said: str, record: SweepRecord
) -> None:
    """Few validation rows and many epochs: the best of them is not what it seems."""
    assert not [one for one in remarks(record) if one.topic == "epochs"]
    found_in(record, code, "warning", trial="champion")
    found = remark(record, "epochs")
    assert said in found.sentence
    assert found.overrides == ("data.folds=5",)


def test_few_validation_rows_are_a_warning_with_the_folds_that_fit(record: SweepRecord) -> None:
    """As the sweep recorded it; with enough rows, or folds, nothing is said."""
    validation = {"rows": 91, "folds": None, "note": "", "hint": ""}
    record.summary["data"] = {"validation": validation}
    assert not [one for one in remarks(record) if one.topic == "few rows"]
    validation |= {"rows": 13, "note": "13 validation rows: few", "hint": "data.folds=4"}
    found = remark(record, "few rows")
    assert (found.severity, found.sentence) == ("warning", "13 validation rows: few.")
    assert found.overrides == ("data.folds=4",)
    found_in(record, "first-epoch", "warning", trial="champion")  # its advice is the same
    command, why = next_command(record)
    assert "data.folds=4" in command
    assert "data.folds=5" not in command
    assert why.count("choose on every row") == 1


def test_over_fitting_is_what_diagnosis_calls_so(record: SweepRecord) -> None:
    """Never healthy above and over-fitted below, nor the other way round."""
    assert "over-fits" not in remark(record, "more data").sentence
    found_in(
        record, "overfitting", "info", trial="champion"
    )  # it did later; the best epoch is kept
    assert "over-fits" not in remark(record, "more data").sentence
    found_in(record, "overfitting", "warning", trial="champion")
    assert "over-fits" in remark(record, "more data").sentence


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.5, "these rows happen to be easier"), (0.99, "would give little"), (0.8, "help a little")],
)
def test_what_more_rows_would_give_follows_from_the_gap(
    share: float, said: str, record: SweepRecord
) -> None:
    """Above, as low, below: a training loss far above says nothing of more rows."""
    record.fits["best_train_loss"] = share * record.fits["best_val_loss"]
    assert said in remark(record, "more data").sentence


def test_a_training_loss_that_is_not_known_is_not_made_up(record: SweepRecord) -> None:
    """Of fits of earlier versions there is its mean while an epoch ran, which is another number."""
    record.fits["train_sample"] = 10_000.0
    shown = [
        fitting(record)[1],
        training(record)[1],
        remark(record, "more data").sentence,
    ]
    assert ["training loss on 10,000 sampled rows lies" in one for one in shown] == [True] * 3
    del record.fits["best_train_loss"]
    assert {fitting(record)[1], training(record)[1]} == {NOT_KNOWN}
    assert not [one for one in remarks(record) if one.topic == "more data"]
