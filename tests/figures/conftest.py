"""Made-up sweeps for figures and page: of any size, any task, whole or broken."""

from __future__ import annotations

import base64
import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.ledger.read import SweepRecord

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS = 9
RATES = (0.001, 0.003, 0.01)
CONFIG = {
    "data.name": "wages",
    "objective": "val_loss",
    "search.kind": "capacity",
    "search.growth": "2.0",
    "search.space.layers_max": "4",
    "search.space.units_max": "512",
    "search.learning_rate.low": "0.0001",
    "search.learning_rate.high": "0.03",
    "training.epochs": "100",
    "training.executions": "3",
    "seed": "0",
}
PATH = ("linear", "1x32", "1x64", "2x64", "2x128", "3x64", "2x51", "1x51", "2x41")
VERDICTS = ("start", "better", "better", "better", "same", "worse", "smaller", "worse", "worse")


def label(layers: int, units: int) -> str:
    """Name a capacity as the family does."""
    return f"{layers}x{units}" if layers else "linear"


def parameters(layers: int, units: int) -> int:
    """Count the parameters of an MLP with one output."""
    if layers == 0:
        return INPUTS + 1
    return (INPUTS + 1) * units + (layers - 1) * (units + 1) * units + units + 1


def axes(name: str) -> tuple[int, int]:
    """Read a label again."""
    return (0, 0) if name == "linear" else tuple(int(part) for part in name.split("x"))


def loss_of(layers: int, units: int, rate: float) -> float:
    """A surface like real ones: best near 2x64 at 0.003."""
    size = math.log10(parameters(layers, units))
    return 0.42 + 0.06 * (size - 3.6) ** 2 + 0.05 * math.log10(rate / 0.003) ** 2


def curve(generator: np.random.Generator, floor: float, epochs: int) -> pd.DataFrame:
    """Curves that fall, and a validation loss that rises again."""
    epoch = np.arange(epochs)
    falling = 0.6 * np.exp(-epoch / 6)
    noise = generator.normal(0, 0.006, (2, epochs))
    train = floor * 0.86 + falling - 0.0012 * epoch + noise[0]
    val = floor + falling + 0.0016 * np.maximum(epoch - 22, 0) + noise[1]
    return pd.DataFrame({"epoch": epoch, "loss": train, "val_loss": val})


def make_fits(
    generator: np.random.Generator, capacities: list[str], executions: int
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the fits of a sweep and their curves."""
    rows, curves = [], {}
    for step, name in enumerate(capacities):
        layers, units = axes(name)
        for rate in RATES:
            for execution in range(executions):
                run_id = f"{len(rows):032x}"
                epochs = int(generator.integers(25, 45))
                found = curve(generator, loss_of(layers, units, rate), epochs)
                diverged = rate == RATES[-1] and layers >= 3
                best = int(found["val_loss"].idxmin())
                curves[run_id] = found.head(2) if diverged else found
                rows.append(
                    {
                        "run_id": run_id,
                        "trial": f"{name} lr {rate:.6g}",
                        "capacity": name,
                        "layers": layers,
                        "units": units,
                        "parameters": parameters(layers, units),
                        "learning_rate": rate,
                        "execution": execution,
                        "outcome": "diverged" if diverged else "completed",
                        "phase": "grow" if step < 6 else "shrink",
                        "round": step // 2,
                        "best_val_loss": math.nan if diverged else found["val_loss"][best],
                        "best_train_loss": math.nan if diverged else found["loss"][best],
                        "score_se": 0.011,
                        "best_epoch": -1 if diverged else best,
                        "epochs": 2 if diverged else epochs,
                        "seconds": float(generator.uniform(0.02, 0.2)),
                        "message": "loss was not finite in epoch 2" if diverged else "",
                        "findings": finding(diverged=diverged, layers=layers),
                    }
                )
    return pd.DataFrame(rows), curves


def finding(*, diverged: bool, layers: int) -> list[dict[str, str]]:
    """Return what diagnosis saw."""
    if diverged:
        sentence = "Learning rate 0.01 diverged in epoch 2; 0.003 is the largest that trained."
        return [{"code": "diverged", "severity": "severe", "sentence": sentence}]
    if layers == 0:
        sentence = "Training loss stays near validation loss, both high: add capacity."
        return [{"code": "under-fit", "severity": "warning", "sentence": sentence}]
    return []


def make_decisions(capacities: list[str], means: pd.Series) -> list[dict[str, object]]:
    """Return one decision a capacity, and the choice."""
    steps = [
        {
            "round": step // 2,
            "phase": "grow" if step < 6 else "shrink",
            "capacity": name,
            "score": float(means[name]),
            "se": 0.009,
            "verdict": VERDICTS[min(step, len(VERDICTS) - 1)],
            "reason": f"{name} scores {means[name]:.4g}: compared with the best before it, "
            "standard error 0.009 over 3 executions; the search goes on.",
        }
        for step, name in enumerate(capacities)
        if name in means
    ]
    best = str(means.idxmin())
    chosen = "2x51" if "2x51" in means else best
    reason = f"{chosen} is chosen: the smallest within 1 standard errors of the best, {best}."
    return [
        *steps,
        {
            "round": steps[-1]["round"] if steps else 0,
            "phase": "choice",
            "capacity": chosen,
            "score": float(means[chosen]),
            "se": 0.012,
            "verdict": "chosen",
            "reason": reason,
        },
    ]


def make_predictions(generator: np.random.Generator, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return test predictions: of a number, or of classes with their probabilities."""
    rows = 120
    if not classes:
        truth = generator.gamma(4, 2.3, rows)
        frame = pd.DataFrame({"truth": truth, "prediction": truth + generator.normal(0, 2.4, rows)})
    else:
        logits = generator.normal(0, 1.5, (rows, len(classes)))
        share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        truth = [classes[generator.choice(len(classes), p=row)] for row in share]
        frame = pd.DataFrame({"truth": truth, "prediction": np.array(classes)[share.argmax(1)]})
        for index, name in enumerate(classes):
            frame[f"probability_{name}"] = share[:, index]
    frame.insert(0, "part", "test")
    frame.insert(0, "row", generator.permutation(1000)[:rows])
    return frame


def make_summary(fits: pd.DataFrame, decisions: list[dict[str, object]]) -> dict[str, object]:
    """Return a finished sweep's summary."""
    means = fits.groupby("trial")["best_val_loss"].mean()
    name = decisions[-1]["capacity"]
    trial = means[[one.split(" lr ")[0] == name for one in means.index]].idxmin()
    rows = fits[fits["trial"] == trial].sort_values("best_val_loss")
    middle = rows.iloc[len(rows) // 2]
    loss = float(means[trial])
    return {
        "sweep_run_id": "f" * 32,
        "experiment": "wages",
        "status": "finished",
        "seconds": 41.7,
        "trials": int(fits["trial"].nunique()),
        "fits": len(fits),
        "epochs": int(fits["epochs"].sum()),
        "champion": {
            "trial": trial,
            "run_id": middle["run_id"],
            "model_uri": f"runs:/{'f' * 32}/champion",
            "kind": "single",
            "capacity": name,
            "layers": int(middle["layers"]),
            "units": int(middle["units"]),
            "parameters": int(middle["parameters"]),
            "learning_rate": float(middle["learning_rate"]),
            "execution": int(middle["execution"]),
            "objective": "val_loss",
            "score": loss,
            "score_se": 0.012,
            "val_loss": loss,
            "val_loss_se": 0.012,
            "test_loss": loss + 0.021,
            "test_loss_se": 0.05,
            "test_metrics": {"rmse": 4.12, "mae": 3.05, "r2": 0.31},
            "reason": decisions[-1]["reason"],
        },
        "decisions": decisions,
        "baselines": {
            name: {"test_loss": value, "test_loss_se": 0.05, "test_rmse": value * 9}
            for name, value in (
                ("single", loss + 0.021),
                ("ensemble", loss + 0.018),
                ("constant", 1.0),
                ("linear", loss + 0.09),
                ("gradient_boosting", loss + 0.03),
            )
        },
    }


def make_record(
    capacities: list[str] | tuple[str, ...] = PATH,
    executions: int = 3,
    classes: tuple[str, ...] = (),
    seed: int = 0,
) -> SweepRecord:
    """Return the record of a sweep that completed."""
    generator = np.random.default_rng(seed)
    fits, curves = make_fits(generator, list(capacities), executions)
    trial_means = fits.groupby(["capacity", "trial"])["best_val_loss"].mean()
    means = trial_means.groupby("capacity").min().dropna()
    decisions = make_decisions(list(capacities), means)
    summary = make_summary(fits, decisions)
    order = fits["best_val_loss"].rank(method="first")
    fits["rank"] = order.where(order.notna(), len(fits))
    losses = generator.gamma(1, 0.43, (len(fits), 91)).astype(np.float32)
    return SweepRecord(
        run_id="f" * 32,
        experiment_id="1",
        uri="sqlite:////home/ann/mlruns/mlflow.db",
        status="FINISHED",
        row_losses=dict(zip(fits["run_id"], losses / 4, strict=True)),
        summary=summary,
        fits=fits,
        curves=curves,
        decisions=decisions,
        config=dict(CONFIG),
        predictions=make_predictions(generator, classes),
        command=("data=wages",),
        digest="3f9c1e0a77aa",
        provenance={
            "data": "hourly_wages.csv, target wage_per_hour, digest 3f9c1e",
            "rows": "363 train, 91 validation, 80 test",
            "versions": "keras 3.15.1, tensorflow 2.21.0, python 3.11.7",
            "commit": "1670eca0",
        },
        run_link="http://127.0.0.1:5000/#/experiments/1/runs/",
        ui_command="mlflow ui --backend-store-uri sqlite:////home/ann/mlruns/mlflow.db",
        started="2026-11-21 21:40 UTC",
    )


def killed() -> SweepRecord:
    """Return a sweep that was killed while growing: no summary, no champion, no predictions."""
    found = make_record(PATH[:4])
    found.status, found.summary, found.predictions = "KILLED", {}, None
    found.decisions = found.decisions[:-1]
    return found


def hopeless() -> SweepRecord:
    """Return a sweep whose fits all diverged."""
    found = make_record(PATH[:3])
    found.status, found.summary, found.predictions, found.decisions = "FAILED", {}, None, []
    found.fits = found.fits.assign(outcome="diverged", best_val_loss=math.nan, best_epoch=-1)
    found.row_losses = {}
    return found


def single() -> SweepRecord:
    """Return a sweep of one trial with one execution."""
    found = make_record(("1x32",), 1)
    champion = found.summary["champion"]
    found.fits = found.fits[found.fits["trial"] == champion["trial"]].reset_index(drop=True)
    found.summary |= {"trials": 1, "fits": 1}
    return found


def unbegun() -> SweepRecord:
    """Return a sweep that died before its first fit; the ledger then gives no columns."""
    found = killed()
    found.status, found.decisions, found.curves, found.row_losses = "RUNNING", [], {}, {}
    found.fits = pd.DataFrame(columns=["run_id", "trial", "capacity", "outcome", "findings"])
    return found


def pictures() -> SweepRecord:
    """Return a sweep on digits whose ledger kept the pixels of some rows."""
    found = make_record(classes=tuple("0123456789"))
    assert found.predictions is not None
    generator = np.random.default_rng(0)
    pixels = [generator.integers(0, 255, 28 * 28, dtype=np.uint8) for _ in range(40)]
    texts = [base64.b64encode(one.tobytes()).decode() for one in pixels]
    found.predictions["image"] = texts + [None] * (len(found.predictions) - len(texts))
    found.config |= {
        "data.image_height": "28",
        "data.image_width": "28",
        "data.image_channels": "1",
    }
    return found


KINDS: dict[str, Callable[[], SweepRecord]] = {
    "whole": make_record,
    "classes": lambda: make_record(classes=("died", "survived")),
    "pictures": pictures,
    "killed": killed,
    "hopeless": hopeless,
    "single": single,
    "unbegun": unbegun,
}


@pytest.fixture
def record() -> SweepRecord:
    """Return a completed regression sweep."""
    return make_record()


@pytest.fixture
def make() -> Callable[..., SweepRecord]:
    """Return the maker of completed sweeps."""
    return make_record


@pytest.fixture
def kind() -> Callable[[str], SweepRecord]:
    """Return the maker of a sweep of one of KINDS."""
    return lambda name: KINDS[name]()


@pytest.fixture(scope="session")
def page_of() -> Callable[[str], str]:
    """Return the maker of the report of one of KINDS; each is made once."""
    from pipeline.figures.page import page

    return functools.cache(lambda name: page(KINDS[name]()))


@pytest.fixture(params=KINDS)
def any_name(request: pytest.FixtureRequest) -> str:
    """Return the name of every kind of sweep, whole and broken."""
    return request.param


@pytest.fixture(params=KINDS)
def any_record(request: pytest.FixtureRequest) -> SweepRecord:
    """Return a sweep of every kind, whole and broken."""
    return KINDS[request.param]()
