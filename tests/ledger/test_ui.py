"""MLflow's own pages on a real server, as a person in a browser sees a sweep."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.ledger.views import prepare_view, table_link

if TYPE_CHECKING:
    from collections.abc import Iterator

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install playwright"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

PATIENCE = 120_000
"""Milliseconds that a page of MLflow may take to show what it must."""

WIDE = {"width": 1440, "height": 900}
TRIALS = 24
TITLES = ("val_loss by epoch", "score and standard error")
COLUMNS = ["place", "capacity", "score", "score_se", "test_rmse", "parameters", "learning_rate"]
IS_CUT_OFF = """(title) => {
  for (let box = title, up = 0; box && up < 3; box = box.parentElement, up++)
    if (box.scrollWidth > box.clientWidth + 1) return true;
  return false;
}"""


@pytest.fixture
def swept(server: str, sweeps: Any) -> Any:
    """Return a ledger of 24 trials with two fits each; the champion is neither first nor lowest."""
    ledger = sweeps.open(uri=server, experiment="browser")
    sizes = [(layers, units) for layers in (1, 2, 3) for units in (4, 8, 16, 32)]
    trials = [sweeps.trial(*size, rate) for size in sizes for rate in (1e-3, 1e-2)]
    asked = sweeps.round(0, *trials, executions=2)
    epochs = np.exp(-np.arange(20) / 5)
    results = [
        replace(
            sweeps.result(fit),
            curves={"loss": epochs, "val_loss": epochs + 1 / fit.trial.parameters + fit.execution},
            best_epoch=19,
        )
        for fit in asked.fits
    ]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    ledger.flush()
    order = [trials[2], *trials[:2], *trials[3:]]
    ledger.rank(sweeps.ranked(ledger, *order), asked.fits[4])
    ledger.attach("report.html", "<html><body><h1>What the sweep found</h1></body></html>")
    ledger.flush()
    ledger.store.client.log_metric(ledger.champion_row, "test_rmse", 3.78)
    return ledger


FIRST_COLUMNS_ARE = """wanted => {
    const headers = [...document.querySelectorAll("[role=columnheader][col-id*='`']")]
        .filter(header => !header.getAttribute("col-id").includes("Run Name"))
        .sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x);
    const names = headers.map(header => header.getAttribute("col-id").split("`")[1]);
    return wanted.every((name, place) => names[place] === name);
}"""
"""From left to right: the grid's document has them in the order in which they came."""


@pytest.fixture
def page() -> Iterator[Any]:
    """Return a tab of a headless browser."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport=WIDE)
        tab.set_default_timeout(PATIENCE)
        yield tab
        browser.close()


def test_a_person_finds_the_comparison_and_the_champion(swept: Any, page: Any) -> None:
    """The printed link shows trials and two whole charts; the table has the columns that matter."""
    link = prepare_view(swept, "val_loss", "test_rmse")
    page.goto(link)
    page.get_by_text(f"{TRIALS} matching runs").wait_for()
    page.get_by_text("Sort: place").wait_for()
    for title in TITLES:
        found = page.get_by_text(title, exact=True).first
        found.wait_for()
        assert not found.evaluate(IS_CUT_OFF), title
    page.locator(".js-plotly-plot").nth(1).wait_for()
    charts = page.locator(".js-plotly-plot")
    assert charts.count() == len(TITLES)
    for box in (charts.nth(number).bounding_box() for number in range(len(TITLES))):
        assert box["y"] + box["height"] <= WIDE["height"]
    first = page.locator("a", has_text=" lr ").first
    assert first.inner_text() == "1. 1x8 lr 0.001"
    assert not first.evaluate(IS_CUT_OFF)

    page.goto("about:blank")
    page.goto(table_link(swept.store, swept.run_id))
    page.get_by_text(f"{TRIALS} matching runs").wait_for()
    page.locator("a", has_text="1. 1x8 lr 0.001").first.wait_for()
    # The others are beyond the right edge while the Assistant is open.
    page.wait_for_function(FIRST_COLUMNS_ARE, arg=COLUMNS[:5])

    champion = swept.done[4]
    experiment = f"{swept.store.location.uri}/#/experiments/{swept.store.experiment_id}"
    page.goto("about:blank")
    page.goto(f"{experiment}/models/{champion.model_id}")
    page.get_by_text("best_val_loss").first.wait_for()
    page.goto("about:blank")
    page.goto(f"{experiment}/runs/{swept.run_id}/artifacts/report.html")
    frame = page.frame_locator("iframe").first
    frame.get_by_text("What the sweep found").wait_for()
