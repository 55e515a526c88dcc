"""Whatever a table holds, it is prepared or refused with one message; never a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import Encoding, MissingTarget, SplitKind, Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import prepare

CELLS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.integers(0, 3).map(str),
    st.floats(width=64).map(repr),
    st.sampled_from(
        [
            "",
            "?",
            "NA",
            "None",
            "true",
            "False",
            "yes",
            " x ",
            "1,5",
            "1e400",
            "-0.0",
            "00",
            "ß",
            "\U0001d54f",
        ]
    ),
    st.dates().map(str),
    st.text(max_size=6).map(lambda text: text.replace("\0", "").replace("\r", "")),
)
COLUMN_CELLS = st.one_of(
    st.lists(CELLS, min_size=1, max_size=4, unique=True).map(st.sampled_from),
    st.just(CELLS),
    st.just(st.floats(-1e9, 1e9).map(repr)),
    st.just(st.integers(0, 5).map(str)),
)
NAMES = st.one_of(st.text("abcäß \U0001d54f.[]()", max_size=5), st.sampled_from(["a", "when"]))
TARGET_CELLS = st.one_of(
    st.just(st.sampled_from(["yes", "no"])),
    st.just(st.integers(0, 2).map(str)),
    st.just(st.floats(-1e6, 1e6).map(repr)),
    COLUMN_CELLS,
)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Draw the text of a CSV file whose target is the column y."""
    rows = draw(st.one_of(st.integers(12, 60), st.integers(0, 12)))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    cells = [draw(COLUMN_CELLS) for _ in names] + [draw(TARGET_CELLS)]
    columns = [draw(st.lists(cell, min_size=rows, max_size=rows)) for cell in cells]
    lines = [[*names, "y"], *map(list, zip(*columns, strict=True))]
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line] for line in lines]
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    return "\n".join(delimiter.join(line) for line in quoted) + "\n"


@pytest.mark.fuzz
@given(
    table=tables(),
    split=st.sampled_from(SplitKind),
    task=st.sampled_from(Task),
    missing=st.sampled_from(MissingTarget),
    folds=st.sampled_from([None, 2, 3]),
    encoding=st.sampled_from(Encoding),
    seed=st.integers(0, 3),
)
def test_a_random_table_is_prepared_or_refused_in_one_message(
    table, split, task, missing, folds, encoding, seed
):
    """Arrays are finite and aligned, or a DataError says what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(table.encode("utf-8", "surrogatepass"))
        config = DataConfig(
            name="fuzz",
            path=str(path),
            target="y",
            split=split,
            task=task,
            missing_target=missing,
            folds=folds,
        )
        try:
            dataset = prepare(config, seed)
        except DataError as error:
            message = str(error)
        else:
            message = ""
        assert "\n" not in message
        if message:
            return
        for fold in range(len(dataset.split.folds)):
            arrays = dataset.arrays(encoding.value, fold)
            for part in (arrays.x_train, arrays.x_val, arrays.y_train, arrays.y_val):
                assert part.dtype == np.float32
                assert np.isfinite(part).all()
            assert len(arrays.x_train) == len(arrays.y_train) > 1
            assert arrays.x_train.shape[1:] == dataset.input_shape(encoding.value)
