"""A folder of images from end to end: swept as a CNN, registered, asked about a folder again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline import api, predict
from pipeline.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

Image = pytest.importorskip("PIL.Image")
SIDE = 12
GOOD = 120


def draw(folder: Path) -> None:
    """Write bars that lie or stand, two broken files and an empty class."""
    rng = np.random.default_rng(0)
    for number in range(GOOD):
        pixels = rng.integers(0, 60, (SIDE, SIDE), dtype=np.uint8)
        at = rng.integers(0, SIDE)
        lies = number % 2 == 0
        pixels[(at, slice(None)) if lies else (slice(None), at)] += 150
        place = folder / ("lying" if lies else "standing")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    for name in ("cut.png", "text.png"):
        (folder / "lying" / name).write_bytes(b"\x89PNG\r\n\x1a\n no image")
    (folder / "leaning").mkdir()


def swept(home: Path, name: str, **words: Any) -> api.SweepResult:
    """Sweep one small CNN over the folder."""
    return api.sweep(
        output_dir=home / name,
        **{
            "data": "images",
            "data.path": home / "bars",
            "data.image_height": SIDE,
            "data.image_width": SIDE,
            "data.split": "hash",
            "model": "cnn",
            "search": "grid",
            "search.space.layers_min": 1,
            "search.space.layers_max": 1,
            "search.space.units": [4],
            "search.learning_rate.values": [0.01],
            "training.executions": 2,
            "training.epochs": 8,
            "training.patience": 7,
            "registry.name": "bars",
            "verbose": False,
            **words,
        },
    )


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Return the lines of the log as they come: a sweep takes the handlers of others away."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_folder_is_swept_asked_and_promoted(
    workplace: Path, log: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In one test, because the sweep is what takes the time."""
    draw(workplace / "bars")
    monday = swept(workplace, "monday")
    problems_are_one_line_each(log)
    a_folder_is_predicted(workplace, monday, capsys)
    an_array_is_predicted_as_its_file(workplace, monday)
    promoted_only_when_better(workplace, monday)


def problems_are_one_line_each(lines: list[str]) -> None:
    """Assert that broken files are named, the empty class is, and nothing else of the folder.

    Each is logged when the folder is read, and again at the end among what to look at.
    """
    left_out = [line for line in lines if "left out" in line]
    half = len(left_out) // 2
    assert left_out[:half] == left_out[half:]
    assert left_out[:half] == [
        "Class folder 'leaning' has no PNG or JPEG file and is left out.",
        f"2 of {GOOD + 2} images cannot be read and are left out: lying/cut.png, lying/text.png.",
    ]


def a_folder_is_predicted(
    home: Path, found: api.SweepResult, capsys: pytest.CaptureFixture[str]
) -> None:
    """Assert one row for every readable file, with its path; the others are named."""
    predict.main([f"model={found.run_id}", "input=bars", "output=classes.csv"])
    rows = pd.read_csv(home / "classes.csv")
    assert list(rows.columns) == ["path", "prediction", "probability_lying", "probability_standing"]
    assert len(rows) == GOOD
    truth = [Path(path).parent.name for path in rows["path"]]
    assert (rows["prediction"] == truth).mean() > 0.8
    assert f"2 of {GOOD + 2} images cannot be read" in capsys.readouterr().err


def an_array_is_predicted_as_its_file(home: Path, found: api.SweepResult) -> None:
    """Assert that the axis of the one channel may be left out, and that another shape is refused."""
    file = home / "bars" / "lying" / "0.png"
    pixels = np.asarray(Image.open(file))
    cells = pd.Series([str(file), pixels, pixels[..., None]], dtype=object)
    rows = found.predict(pd.DataFrame({"path": cells}))
    assert len(set(rows["probability_lying"])) == 1
    with pytest.raises(DataError, match=r"shape \(12, 6\); the model takes \(12, 12, 1\)"):
        found.predict(pd.DataFrame({"path": pd.Series([pixels[:, :6]], dtype=object)}))


def promoted_only_when_better(home: Path, monday: api.SweepResult) -> None:
    """Assert that a CNN that has hardly been trained does not replace the first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home}/mlruns/mlflow.db")
    assert version_of(client, "champion") == 1
    tuesday = swept(home, "tuesday", **{"training.epochs": 1, "training.patience": 1})
    assert tuesday.summary["champion"]["val_loss"] > monday.summary["champion"]["val_loss"]
    assert (version_of(client, "champion"), version_of(client, "challenger")) == (1, 2)


def version_of(client: Any, alias: str) -> int:
    """Return the version that an alias of the registered model points to."""
    return int(client.get_model_version_by_alias("bars", alias).version)
