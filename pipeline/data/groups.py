"""Find a column that identifies subjects measured several times: patients, machines, storms.

Rows of one subject are nearly alike. Where some are in the training and others in the validation part, the
scores hold for known subjects, not for new ones. An ordinary category (a town) repeats as well, so a column
is reported only on evidence: by the other columns, a row's nearest neighbour mostly has the same value, and
the target differs far less from it than from the nearest row of another value. Tried on 40 public tables:
the storms of NOAA and the accidents of 48 states by year are found, the towns, districts, schools and
counties of seven others are not. The design of a study is further evidence (`panels`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.data.judged import Judged
from pipeline.data.panels import FEWEST_VALUES, MOST_LEVELS, Subjects, means_of, panel, truth_of
from pipeline.data.target import Target
from pipeline.data.typed import Kind, typed

LARGEST_SHARE = 0.2
"""Largest share of rows with the same value: for more, most neighbours have it by chance."""
REPEATED = 0.8
"""Least share of rows whose value occurs in another row, too."""
NEAR = 0.5
"""Least share of rows whose nearest neighbour has the same value (own runs: storms 0.8 to 0.9)."""
ALIKE = 0.45
"""Largest ratio of the squared difference of targets to the nearest row of the same value, and to that of
another value (own runs: storms 0.32 and 0.38, districts of towns from 0.58)."""
ROUGH = 0.5
"""Half of von Neumann's ratio of the target over the sorted values of a number: about 1 where they are
names, near 0 where they are a quantity on which the target depends."""
MOST_LOOKED_AT = 10_000
MOST_ROWS, MOST_OF_ONE = 1_500, 75
"""Most rows whose neighbours are searched, and most of them with the same value."""
MOST_COLUMNS, MOST_CANDIDATES = 100, 8
SEED = 0


def repeated_subjects(
    frame: pd.DataFrame, judged: list[Judged], target: Target, train: np.ndarray
) -> Subjects | None:
    """Return the column of repeated subjects; None where there is none.

    Args:
        frame: All rows, every column.
        judged: The judgement of every column but the target.
        target: The target of every row.
        train: Numbers of the training rows; no other rows are used.
    """
    rows = train[:MOST_LOOKED_AT]
    here, truth = frame.iloc[rows], truth_of(target, rows)
    candidates = list(_candidates(here, judged, truth))[:MOST_CANDIDATES]
    if not candidates:
        return None
    owners, features = _features(here, judged)
    evidence: dict[str, tuple[float, float]] = {}
    for name, codes in candidates:
        chosen = _whole_groups(codes)
        others = features[np.ix_(chosen, np.flatnonzero(owners != name))]
        others = others[:, ~_is_renamed(others, codes[chosen])]
        evidence[name] = _neighbours(others, codes[chosen], truth[chosen])
    found = {
        name: codes
        for name, codes in candidates
        if evidence[name][0] >= NEAR and evidence[name][1] <= ALIKE
    }
    if not found:
        return panel(here, judged, candidates, truth)
    most = max(found, key=lambda name: evidence[name][0])
    # A patient's age, too, finds the patient again, by the number: it is the number that is meant.
    rough = _spread(found[most], truth)
    finer = {
        name: codes.max() + 1
        for name, codes in candidates
        if _determines(codes, found[most])
        and (name in found or _spread(codes, truth) <= ALIKE * rough)
    }
    name = max(finer, key=lambda name: finer[name])
    return Subjects(
        name,
        f"it has {finer[name]:,} values in {len(rows):,} training rows, the row most like another mostly "
        f"has the same {'value' if name == most else repr(most)} ({evidence[most][0]:.0%}), and the target "
        f"differs {evidence[name][1]:.2f} times as much from the nearest row of the same value as from "
        "that of another",
    )


def _determines(codes: np.ndarray, others: np.ndarray) -> bool:
    """Return whether rows of one code are all of one of the others."""
    return bool(np.unique(np.stack([codes, others]), axis=1).shape[1] == codes.max() + 1)


def _spread(codes: np.ndarray, truth: np.ndarray) -> float:
    """Return the variance of the target within rows of one code, summed over outputs."""
    apart = truth - means_of(codes, truth)[codes]
    return float((apart**2).sum() / max(1, len(codes) - codes.max() - 1))


def _candidates(
    frame: pd.DataFrame, judged: list[Judged], truth: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield categories and integer columns whose values mostly repeat, with the code of each row."""
    for item in judged:
        name, kind = item.column.name, item.column.kind
        if kind not in {Kind.category, Kind.number}:
            continue
        series = frame[name]
        if kind is Kind.number:
            values = item.column.read(series)[0]
            if np.isnan(values).any() or (values != np.round(values)).any():
                continue
            codes = np.unique(values, return_inverse=True)[1]
        else:
            codes = _names(series)
        counts = np.bincount(codes)
        if len(counts) < FEWEST_VALUES or counts.max() > LARGEST_SHARE * len(codes):
            continue
        repeats = counts[counts > 1].sum() >= REPEATED * len(codes)
        if repeats and (kind is Kind.category or not _is_quantity(codes, truth)):
            yield name, codes


def _names(series: pd.Series) -> np.ndarray:
    """Return the code of each row's text; each row without text gets a code of its own."""
    texts = series.astype(object).where(series.notna(), None)
    codes = pd.factorize(texts.map(lambda value: None if value is None else str(value).strip()))[0]
    missing = codes < 0
    codes[missing] = codes.max() + 1 + np.arange(int(missing.sum()))
    return codes


def _is_quantity(codes: np.ndarray, truth: np.ndarray) -> bool:
    """Return whether the target is a smooth function of the sorted values."""
    means = means_of(codes, truth)
    steps = (np.diff(means, axis=0) ** 2).sum() / (len(means) - 1)
    return bool(steps < 2 * ROUGH * means.var(axis=0, ddof=1).sum())


def _features(frame: pd.DataFrame, judged: list[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """Return the source column of each input, and the standardised inputs; rare levels are left out.

    Returns:
        Names, (inputs,); float32 (rows, inputs).
    """
    used = [item.column for item in judged if item.column.used][:MOST_COLUMNS]
    values = typed(frame, used)
    owners: list[str] = []
    inputs: list[np.ndarray] = []
    for column in used:
        for name in column.outputs:
            series = values[name]
            if pd.api.types.is_numeric_dtype(series):
                inputs.append(series.fillna(series.mean()).fillna(0).to_numpy(dtype=np.float32))
            else:
                levels = series.value_counts().index[:MOST_LEVELS]
                inputs += [(series == level).to_numpy(dtype=np.float32) for level in levels]
            owners += [column.name] * (len(inputs) - len(owners))
    table = np.stack(inputs, axis=1) if inputs else np.zeros((len(frame), 0), np.float32)
    spread = table.std(axis=0)
    return np.array(owners, dtype=object), (table - table.mean(axis=0)) / np.where(
        spread, spread, 1
    )


def _is_renamed(features: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return which inputs are levels of a category that is a renaming or coarsening of the codes."""
    low, high = features.min(axis=0, initial=np.inf), features.max(axis=0, initial=-np.inf)
    is_level = ((features == low) | (features == high)).all(axis=0)
    places = np.unique(codes, return_inverse=True)[1]
    same: np.ndarray = features == features[np.unique(places, return_index=True)[1]][places]
    return is_level & same.all(axis=0)


def _whole_groups(codes: np.ndarray) -> np.ndarray:
    """Return row positions of a random sample of values, with the first rows of each."""
    place = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    order = np.random.default_rng(SEED).permutation(codes.max() + 1)
    first = place < MOST_OF_ONE
    sizes = np.bincount(codes[first])[order]
    taken = order[: max(FEWEST_VALUES, int(np.searchsorted(sizes.cumsum(), MOST_ROWS)) + 1)]
    return np.flatnonzero(first & np.isin(codes, taken))


def _neighbours(x: np.ndarray, codes: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return how often the nearest row has the same value, and the ratio described at `ALIKE`.

    Args:
        x: (rows, inputs), standardised.
        codes: (rows,), the values of the candidate column.
        truth: (rows, outputs), the target.
    """
    counts = np.bincount(codes)
    if not x.shape[1]:
        return 0.0, 1.0
    square = (x**2).sum(axis=1)
    distance = square[:, None] + square - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    same = codes[:, None] == codes
    to_same = np.where(same, distance, np.inf)
    to_others = np.where(same, np.inf, distance)
    here = counts[codes] > 1
    nearest_same, nearest_other = to_same.argmin(axis=1), to_others.argmin(axis=1)
    rows = np.arange(len(x))
    near = (to_same[rows, nearest_same] < to_others[rows, nearest_other])[here].mean()
    to_own = ((truth - truth[nearest_same]) ** 2).sum(axis=1)[here].mean()
    to_other = ((truth - truth[nearest_other]) ** 2).sum(axis=1)[here].mean()
    return float(near), float(to_own / to_other) if to_other > 0 else 1.0
