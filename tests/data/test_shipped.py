"""The shipped tables are the files that data/README.md describes, and each is prepared as it says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config.choices import Task
from pipeline.config.schema_data import DataConfig
from pipeline.data import prepare

FOLDER = Path(__file__).parents[2] / "data"
SUMS = dict(
    reversed(line.split()) for line in (FOLDER / "SHA256SUMS").read_text("utf-8").splitlines()
)
ROWS = re.findall(
    r"^\| `(\S+)` \| ([\d,]+) x (\d+) \|.*\| `(\w+)` \|$",
    (FOLDER / "README.md").read_text("utf-8"),
    re.MULTILINE,
)


def test_every_shipped_file_has_a_checksum_and_a_description():
    """No file travels without its source, licence and checksum."""
    files = {path.name for path in FOLDER.iterdir()} - {"README.md", "SHA256SUMS"}
    assert files == set(SUMS) == {row[0] for row in ROWS}


@pytest.mark.parametrize(("name", "rows", "columns", "start"), ROWS)
def test_a_shipped_file_is_unchanged_and_has_the_stated_size(name, rows, columns, start):
    """Checksum, rows and columns are those of the README."""
    content = (FOLDER / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == SUMS[name]
    assert SUMS[name].startswith(start)
    assert pd.read_csv(FOLDER / name).shape == (int(rows.replace(",", "")), int(columns))


@pytest.mark.parametrize(
    ("file", "target", "rows", "classes"),
    [
        ("hourly_wages.csv", "wage", 534, None),
        ("hourly_wages_course_layout.csv", "wage_per_hour", 534, None),
        ("titanic_891.csv", "survived", 891, (0, 1)),
        ("titanic_891_course_layout.csv", "survived", 891, (0, 1)),
        ("bank_credit_data.csv", "Status", 4454, ("bad", "good")),
        ("bank_creditcard.csv", "active", 1319, None),
    ],
)
def test_the_task_of_a_shipped_table_is_found(file, target, rows, classes):
    """`task=auto` gives what the shipped configurations state."""
    dataset = prepare(DataConfig(name="x", path=f"shipped:{file}", target=target), 0)
    assert dataset.rows == rows
    assert dataset.classes == classes
    assert dataset.outputs == (1 if classes is None else len(classes))
    assert dataset.dropped == ()


def test_titanic_leaves_out_names_tickets_and_cabins_and_says_why():
    """Identifiers and free text are named with a reason, never one-hot encoded."""
    dataset = prepare(
        DataConfig(name="x", path="shipped:titanic_891_full.csv", target="survived"), 0
    )
    reasons = dict(dataset.dropped)
    assert set(reasons) == {"passenger_id", "name", "ticket", "cabin"}
    assert reasons["passenger_id"].startswith("identifier")
    assert reasons["ticket"].startswith("free text")
    plain = prepare(DataConfig(name="x", path="shipped:titanic_891.csv", target="survived"), 0)
    assert dataset.input_shape("standard") == plain.input_shape("standard")


def test_mnist_keeps_every_pixel_as_it_is():
    """Rows are 28 x 28 x 1 images of 0 to 255; no constant pixel is dropped, nothing is scaled."""
    dataset = prepare(
        DataConfig(
            name="mnist",
            kind="pixels",
            path="shipped:mnist_5000.csv.gz",
            target="label",
            task=Task.classification,
            image_height=28,
            image_width=28,
        ),
        0,
    )
    arrays = dataset.arrays("standard")
    assert arrays.input_shape == dataset.input_shape("robust") == (28, 28, 1)
    assert (arrays.x_train.min(), arrays.x_train.max()) == (0.0, 255.0)
    assert dataset.classes == tuple(range(10))
    first = pd.read_csv(FOLDER / "mnist_5000.csv.gz").iloc[dataset.split.train[0]]
    assert (arrays.x_train[0].ravel() == first.drop("label").to_numpy()).all()
    assert arrays.y_train[0].argmax() == first["label"]
