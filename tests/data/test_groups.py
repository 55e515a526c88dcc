"""Repeated subjects are pointed out where the rows show them, and ordinary categories are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.config.choices import SplitKind
from pipeline.data.columns import Attention

ROWS = 1200


def storms(generator: np.random.Generator) -> pd.DataFrame:
    """Return 40 paths of 30 rows, each a slow walk; the target depends on place and storm."""
    steps = generator.normal(0, 0.1, (40, 30, 3)).cumsum(axis=1) + generator.normal(
        0, 1, (40, 1, 3)
    )
    frame = pd.DataFrame(steps.reshape(-1, 3), columns=["lat", "long", "heat"])
    strength = np.repeat(generator.normal(0, 1, 40), 30)
    names = np.repeat([f"{chr(65 + i % 26)}{i}" for i in range(40)], 30)
    return frame.assign(
        name=names, wind=0.5 * frame["heat"] + strength + generator.normal(0, 0.1, ROWS)
    )


def patients(generator: np.random.Generator) -> pd.DataFrame:
    """Return 60 numbered patients with 20 visits each: their own age, weight and diagnosis."""
    number = np.repeat(generator.permutation(60) * 7 + 1000, 20)
    age, weight, ill = (np.repeat(generator.normal(0, 1, 60), 20) for _ in range(3))
    return pd.DataFrame(
        {
            "patient": number,
            "age": age.round(2),
            "weight": (weight + generator.normal(0, 0.2, ROWS)).round(2),
            "dose": generator.normal(0, 1, ROWS).round(3),
            "sick": np.where(ill > 0, "yes", "no"),
        }
    )


def visits(generator: np.random.Generator) -> pd.DataFrame:
    """Return 300 numbered people with 6 visits each: only age and sex are theirs, and many share both."""
    person, level = np.repeat(np.arange(300), 6), generator.normal(120, 10, 300)
    return pd.DataFrame(
        {
            "person": person + 1000,
            "age": generator.integers(30, 75, 300)[person],
            "sex": generator.choice(["m", "f"], 300)[person],
            "dose": generator.choice([5, 10, 20], 1800),
            "pressure": (level[person] + generator.normal(0, 3, 1800)).round(1),
        }
    )


def orders(generator: np.random.Generator) -> pd.DataFrame:
    """Return orders of 4 rows of 40 shops: those of a shop are alike, those of an order no more."""
    shop = generator.integers(0, 40, 300).repeat(4)
    place, level = generator.normal(0, 1, (3, 40)).round(2), generator.normal(0, 1, 40)
    return pd.DataFrame(
        {
            "order": generator.permutation(300).repeat(4) + 7000,
            "shop": [f"shop {number}" for number in shop],
            **dict(zip(["lat", "long", "area"], place[:, shop], strict=True)),
            "pieces": generator.integers(1, 9, 1200),
            "sales": level[shop] + generator.normal(0, 0.2, 1200),
        }
    )


def chicks(generator: np.random.Generator) -> pd.DataFrame:
    """Return 50 chicks weighed on 12 days, each growing at its own pace: no other column tells them apart."""
    chick, day = np.repeat(np.arange(50), 12), np.tile(np.arange(0, 24, 2), 50)
    pace = generator.normal(8, 2, 50)[chick]
    weight = 40 + pace * day + generator.normal(0, 8, 600)
    return pd.DataFrame({"day": day, "chick": chick + 100, "diet": chick % 4, "weight": weight})


def travellers(generator: np.random.Generator) -> pd.DataFrame:
    """Return 210 people who chose one of 4 ways to travel, a row a way; income and party are the person's."""
    person, mode = np.repeat(np.arange(210), 4), np.tile(np.arange(1, 5), 210)
    return pd.DataFrame(
        {
            "individual": person + 1,
            "mode": mode,
            "wait": generator.integers(0, 60, 840),
            "cost": generator.integers(10, 200, 840) * mode,
            "income": generator.integers(2, 72, 210)[person],
            "party": generator.integers(1, 6, 210)[person],
            "choice": (mode == generator.integers(1, 5, 210)[person] % 5).astype(int),
        }
    )


def workers(generator: np.random.Generator) -> pd.DataFrame:
    """Return ten years of months: each branch grows with the seasons and shrinks for a while."""
    months = pd.date_range("2006-01-01", periods=120, freq="MS").strftime("%Y-%m-%d")
    level = generator.normal(0, 1, (4, 120)).cumsum(axis=1) + np.sin(np.arange(120) / 6) * 3
    branches = {f"branch {one}": 1000 + 20 * level[one] for one in range(3)}
    return pd.DataFrame({"month": months, **branches, "jobs": 5000 + 50 * level[3]})


def sold(generator: np.random.Generator) -> pd.DataFrame:
    """Return homes with the day on which each was sold: days by chance, prices that rise over the years."""
    days = np.sort(generator.choice(3000, 300, replace=False))
    when = pd.Timestamp("2015-01-01") + pd.to_timedelta(days, "D")
    size = generator.normal(80, 20, 300)
    price = 3 * size + days / 30 + generator.normal(0, 20, 300)
    return pd.DataFrame({"sold": when.strftime("%Y-%m-%d"), "size": size, "price": price})


def trial(generator: np.random.Generator) -> pd.DataFrame:
    """Return 50 varieties grown once in each of 12 fields, to which the yield belongs."""
    variety, field = np.repeat(np.arange(50), 12), np.tile(np.arange(12), 50)
    harvest = generator.normal(0, 1, 12)[field] + generator.normal(0, 0.5, 600)
    harvest += generator.normal(0, 0.3, 50)[variety]
    return pd.DataFrame({"variety": variety * 3, "field": field, "harvest": harvest})


def homes(generator: np.random.Generator) -> pd.DataFrame:
    """Return homes of 30 towns, each with its own place, county, code and level of rent."""
    town = generator.integers(0, 30, ROWS)
    level, lat, long = generator.normal(0, 1, (3, 30))
    size, rooms = generator.normal(0, 1, ROWS), generator.integers(1, 6, ROWS)
    return pd.DataFrame(
        {
            "city": [f"town {one}" for one in town],
            "county": [f"county {one % 6}" for one in town],
            "lat": lat[town] + generator.normal(0, 0.3, ROWS),
            "long": long[town] + generator.normal(0, 0.3, ROWS),
            "size": size,
            "rooms": rooms,
            "rent": size + 0.3 * rooms + level[town] + generator.normal(0, 0.3, ROWS),
        }
    )


def departments(generator: np.random.Generator) -> pd.DataFrame:
    """Return people of 25 departments, each with code and name, which decide nearly all of the wage."""
    place = generator.integers(0, 25, ROWS)
    return pd.DataFrame(
        {
            "dept": place * 3 + 100,
            "dept_name": [f"department {one}" for one in place],
            "age": generator.integers(20, 65, ROWS),
            "grade": generator.normal(0, 1, ROWS),
            "wage": generator.permutation(25)[place] * 100.0 + generator.normal(0, 20, ROWS),
        }
    )


def quantities(generator: np.random.Generator) -> pd.DataFrame:
    """Return whole numbers on which the target depends, one of them twice."""
    years = generator.integers(0, 40, ROWS)
    return pd.DataFrame(
        {
            "years": years,
            "months": years * 12,
            "score": generator.integers(0, 100, ROWS),
            "pay": years * 1.5 + generator.normal(0, 0.1, ROWS),
        }
    )


@pytest.mark.parametrize(
    ("make", "target", "subject"),
    [
        (storms, "wind", "name"),
        (patients, "sick", "patient"),
        (visits, "pressure", "person"),
        (orders, "sales", "shop"),
        (chicks, "weight", "chick"),
        (travellers, "choice", "individual"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_repeated_subjects_are_pointed_out_with_the_word_that_keeps_them_together(
    prepared, make, target, subject, seed
):
    """As a note of the log and as a severe fact; not any more once they are kept together."""
    frame = make(np.random.default_rng(seed)).sample(frac=1, random_state=seed)
    dataset = prepared(frame, target=target)
    assert dataset.subjects.column == subject
    assert any(f"data.group={subject}" in note for note in dataset.notes)
    fact = next(fact for fact in dataset.facts if fact.name == subject)
    assert fact.attention is Attention.severe
    assert f"set data.group={subject}" in fact.sentence
    assert prepared(frame, target=target, group=subject).subjects is None


@pytest.mark.parametrize(
    ("make", "target"),
    [
        (homes, "rent"),
        (departments, "wage"),
        (quantities, "pay"),
        (trial, "harvest"),
        (sold, "price"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_ordinary_categories_and_quantities_are_not(prepared, make, target, seed):
    """Towns with a place and a level of their own, codes with a name beside them, years of work."""
    dataset = prepared(make(np.random.default_rng(seed)), target=target)
    assert dataset.subjects is None
    assert not any("data.group" in note or "data.time" in note for note in dataset.notes)


@pytest.mark.parametrize("seed", range(3))
def test_a_series_in_time_is_pointed_out(prepared, seed):
    """Whatever the order of the file; not where its times already part the rows."""
    frame = workers(np.random.default_rng(seed))
    dataset = prepared(frame.sample(frac=1, random_state=seed), target="jobs")
    assert dataset.subjects[::2] == ("month", "time")
    fact = next(fact for fact in dataset.facts if fact.name == "month")
    assert fact.attention is Attention.severe
    assert "If rows to come are later, set data.time=month" in fact.sentence
    assert prepared(frame, target="jobs", time="month").subjects is None
    assert prepared(frame, target="jobs", split=SplitKind.last).subjects is None


def test_rows_that_are_no_training_rows_are_not_looked_at(prepared):
    """The sign is the same whatever stands in validation and test rows."""
    frame = storms(np.random.default_rng(0))
    before = prepared(frame, target="wind", split=SplitKind.last)
    frame.loc[len(before.split.train) :, ["lat", "long", "heat"]] = 0.0
    after = prepared(frame, target="wind", split=SplitKind.last)
    assert after.subjects == before.subjects is not None
