"""MLflow's own pages on a real server, as a person in a browser sees a sweep."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.core.records import Objective
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

CHARTS = ".js-plotly-plot"


@pytest.fixture
def swept(server: str, sweeps: Any) -> Any:
    """Return a ledger of 48 fits whose champion is neither the first nor the lowest."""
    ledger = sweeps.open(uri=server, experiment="browser")
    trials = [
        sweeps.trial(*size, rate) for size in ((1, 4), (2, 8), (3, 8)) for rate in (1e-3, 1e-2)
    ]
    asked = sweeps.round(0, *trials, executions=8)
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
    ledger.rank([trials[2], *trials[:2], *trials[3:]], asked.fits[20])
    ledger.attach("report.html", "<html><body><h1>What the sweep found</h1></body></html>")
    ledger.flush()
    return ledger


@pytest.fixture
def page() -> Iterator[Any]:
    """Return a tab of a headless browser."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport={"width": 1800, "height": 1000})
        tab.set_default_timeout(PATIENCE)
        yield tab
        browser.close()


def test_a_person_finds_the_comparison_and_the_champion(swept: Any, page: Any) -> None:
    """The printed link draws the curves; rank sorts; model, signature and report are there."""
    champion = swept.done[20]
    page.goto(prepare_view(swept, Objective(), ("layers", "units")))
    page.get_by_text("48 matching runs").wait_for()
    page.get_by_text("Sort: rank").wait_for()
    page.get_by_text("Group by: trial").wait_for()
    page.locator(CHARTS).nth(2).wait_for(state="attached")

    page.goto("about:blank")
    page.goto(table_link(swept.store, swept.run_id))
    page.get_by_text("48 matching runs").wait_for()
    first = page.locator("a", has_text=" lr ").first
    first.wait_for()
    assert first.inner_text() == champion.fit.name

    experiment = f"{swept.store.location.uri}/#/experiments/{swept.store.experiment_id}"
    page.goto("about:blank")
    page.goto(f"{experiment}/models/{champion.model_id}")
    page.get_by_text("best_val_loss").first.wait_for()
    page.goto("about:blank")
    page.goto(f"{experiment}/runs/{swept.run_id}/artifacts/report.html")
    frame = page.frame_locator("iframe").first
    frame.get_by_text("What the sweep found").wait_for()
