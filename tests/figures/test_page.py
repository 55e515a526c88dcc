"""The report is one file that needs nothing else and cannot be broken by what it shows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import pytest

from pipeline.core.language import GROW
from pipeline.figures.findings import TRIED
from pipeline.figures.page import compare_page, page
from pipeline.figures.sections import diagnosis, key_figures
from pipeline.figures.trials import champion_entry, trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.ledger.read import SweepRecord

MEGABYTE = 1_000_000
BAD = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def without_library(html: str) -> str:
    """Return a page without its packed plotting library and curves."""
    return re.sub(r'<script type="application/gzip".*?</script>', "", html, flags=re.DOTALL)


def poisoned(record: SweepRecord) -> SweepRecord:
    """Return a sweep whose every text is an attack."""
    record.config |= {"data.name": BAD, BAD: BAD}
    record.provenance |= {BAD: BAD}
    record.command = (BAD,)
    record.summary |= {"experiment": BAD}
    record.fits = record.fits.assign(
        capacity=record.fits["capacity"] + BAD,
        trial=record.fits["trial"] + BAD,
        message=BAD,
        findings=[[{"code": BAD, "severity": "severe", "sentence": BAD}]] * len(record.fits),
    )
    champion = record.summary["champion"]
    champion |= {"trial": champion["trial"] + BAD, "capacity": champion["capacity"] + BAD}
    for step in record.decisions:
        step |= {"capacity": f"{step['capacity']}{BAD}", "reason": BAD, "phase": BAD}
    assert record.predictions is not None
    record.predictions = record.predictions.rename(
        columns={"probability_died": f"probability_{BAD}"}
    ).replace("died", BAD)
    return record


def test_every_kind_of_sweep_makes_a_page(any_name: str, page_of: Callable[[str], str]) -> None:
    """Whole or broken: answer, verdict and how to repeat it are there."""
    html = page_of(any_name)
    for anchor in ("answer", "verdict", "reproduce"):
        assert f'id="{anchor}"' in html


def test_a_page_of_a_thousand_fits_is_small(make: Callable[..., SweepRecord]) -> None:
    """Under 6 MB at 1,000 fits, with every fit and its curve inside."""
    units = [8 * step for step in range(1, 29)]
    record = make(["linear", *(f"{layers}x{width}" for layers in range(1, 5) for width in units)])
    html = page(record)
    assert len(record.fits) > 1000
    assert len(html.encode()) < 6 * MEGABYTE
    block = re.search(r'id="fits-data">(.*?)</script>', html)
    assert block is not None
    rows = json.loads(block[1])["rows"]
    assert sum(len(row["fits"]) for row in rows) == len(record.fits)
    assert len(rows) == record.fits["trial"].nunique()


def test_a_page_loads_nothing(any_name: str, page_of: Callable[[str], str]) -> None:
    """No element fetches anything, and the policy forbids it; links to MLflow are only links."""
    html = without_library(page_of(any_name))
    assert "default-src 'none'" in unescape(html)
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b", html)
    assert not re.search(r"<script[^>]*\bsrc=", html)
    assert not re.search(r"@import|url\(", html)


def test_what_stands_in_the_data_is_never_markup(
    kind: Callable[[str], SweepRecord],
) -> None:
    """Script and image tags in names, classes, settings, sentences and findings stay text."""
    html = without_library(page(poisoned(kind("classes"))))
    assert "<script>alert" not in html
    assert "<img" not in html
    assert html.count("</script>") == html.count("<script")


def test_two_pages_of_one_sweep_are_equal(
    record: SweepRecord, page_of: Callable[[str], str]
) -> None:
    """Nothing random and no clock: a report can be compared with yesterday's."""
    assert page(record) == page_of("whole")


def test_every_decision_is_a_sentence_on_the_page(
    record: SweepRecord, page_of: Callable[[str], str]
) -> None:
    """The reasons stand there in words, in order."""
    html = page_of("whole").split('id="decisions"')[1]
    places = [html.index(str(step["reason"]).split(":")[0]) for step in record.decisions]
    assert places == sorted(places)


def test_fits_lead_to_their_runs(record: SweepRecord, page_of: Callable[[str], str]) -> None:
    """The table knows the address of a run and how to start the server."""
    html = page_of("whole")
    assert record.run_link in html
    assert record.ui_command in html


def test_comparison_says_what_changed(make: Callable[..., SweepRecord]) -> None:
    """Other settings and other rows are named; results stand side by side."""
    one, other = make(seed=1), make(seed=2)
    other.run_id, other.digest = "a" * 32, "other"
    other.config |= {"training.patience": "3", "tracking.uri": "elsewhere"}
    html = compare_page([one, other])
    assert "2 sweeps compared" in html
    assert "only roughly comparable" in html
    assert "Settings that differ: training.patience." in html
    assert "tracking.uri" not in html


def test_equal_sweeps_compare_as_equal(make: Callable[..., SweepRecord]) -> None:
    """The same data and settings are said to be the same."""
    html = compare_page([make(), make()])
    assert "the same rows in the same split" in html
    assert "Every setting that matters is the same." in html


@pytest.mark.parametrize("name", ["killed", "hopeless", "single", "unbegun"])
def test_broken_sweeps_can_be_compared(name: str, kind: Callable[[str], SweepRecord]) -> None:
    """A sweep without a champion stands beside one that has it."""
    assert "sweeps compared" in compare_page([kind("whole"), kind(name)])
    assert "sweeps compared" in compare_page([kind(name), kind(name)])


def test_only_web_addresses_become_links(record: SweepRecord) -> None:
    """A store may say anything: a script is no address."""
    record.run_link = record.summary["link"] = "javascript:alert(1)//"
    html = without_library(page(record))
    assert 'href="javascript' not in html
    assert '"link":""' in html


def test_one_capacity_shows_curves_where_sizes_would_be(page_of: Callable[[str], str]) -> None:
    """Nothing compares sizes: the curves stand below the answer."""
    html = page_of("single")
    assert 'data-figure="figure-capacity"' not in html
    assert html.index('data-figure="figure-curves"') < html.index('id="verdict"')


@pytest.mark.parametrize(("largest", "advice"), [(True, GROW), (False, TRIED)])
def test_a_champion_is_not_advised_to_grow_where_that_was_tried(
    *, largest: bool, advice: str, record: SweepRecord
) -> None:
    """The answer says that no network is needed, or that this one is enough."""
    names = trials(record).sort_values("parameters")["trial"]
    entry = {**champion_entry(record), "trial": names.iloc[-1 if largest else 0]}
    record = replace(record, summary=record.summary | {"champion": entry}, fits=record.fits.copy())
    found = {"code": "underfitting", "severity": "info", "sentence": f"it is high; {GROW}"}
    record.fits["findings"] = [[found]] * len(record.fits)
    assert [one["sentence"] for one in diagnosis(record)["own"]] == [f"it is high; {advice}"]


def test_fits_that_were_cut_are_counted_beside_those_that_are_done(record: SweepRecord) -> None:
    """A champion of a budget's end may be among them."""
    record = replace(record, summary=record.summary | {"cut": 3})
    (fits,) = [one for one in key_figures(record) if one.name == "fits"]
    assert fits.extra.endswith(", 3 more cut")
