"""Pictures of a real sweep in MLflow's own pages, by a real browser on a real server.

    python -m benchmarks.screens [--fits 60] [--out docs/img] [--width 1440]

A sweep of wages logs through `mlflow server`; headless Chromium then opens the link that the sweep
printed, the table of trials, the champion's page and the report among the artefacts. It
stops when one of them does not show what it must, and saves what it saw. Needs chromium.
The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from benchmarks.commands import sweep
from benchmarks.harness.places import Server
from pipeline.ledger.views import MENU

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120_000
"""Milliseconds that a page may take."""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class Eyes:
    """A browser tab that saves what it sees."""

    def __init__(self, tab: Any, out: Path) -> None:
        """Take a tab and the folder of the pictures."""
        self.tab, self._out = tab, out
        self.seconds: dict[str, float] = {}

    def open(self, address: str) -> None:
        """Open a page anew: MLflow's pages differ only behind the #."""
        self.tab.goto("about:blank")
        self.tab.goto(address)
        assistant = self.tab.get_by_role("button", name="Close")
        if assistant.count():  # it takes a third of the page
            assistant.first.click()

    @contextmanager
    def look(self, name: str, address: str) -> Iterator[Any]:
        """Open a page, let the caller wait for what it must show, then save the picture."""
        began = time.perf_counter()
        self.open(address)
        yield self.tab
        self.seconds[name] = round(time.perf_counter() - began, 2)
        self.tab.wait_for_timeout(1500)
        self.tab.screenshot(path=self._out / f"mlflow-{name}.png")


def visit(eyes: Eyes, address: str, link: str, summary: dict[str, Any]) -> None:
    """Look at the comparison, the runs table, the champion and the report."""
    from mlflow import MlflowClient

    parent = MlflowClient(address).get_run(summary["sweep_run_id"])
    experiment = f"{address}/#/experiments/{parent.info.experiment_id}"
    champion, menu = summary["champion"], urlencode(MENU)
    trials = f"{summary['trials']} matching runs"
    with eyes.look("comparison", link) as tab:
        tab.get_by_text(trials).wait_for()
        tab.locator(".js-plotly-plot").nth(1).wait_for()
    with eyes.look("runs", link.replace("&compareRunsMode=CHART", "")) as tab:
        tab.get_by_text(trials).wait_for()
        first = tab.locator("a", has_text=" lr ").first
        first.wait_for()
        if not first.inner_text().startswith(f"1. {champion['capacity']} "):
            raise SystemExit(f"first by place: {first.inner_text()}, not {champion['trial']}")
    model = champion["model_uri"].rpartition("/")[2]
    with eyes.look("champion", f"{experiment}/models/{model}?{menu}") as tab:
        tab.get_by_text("Input and output").first.wait_for()
    with eyes.look("signature", f"{experiment}/models/{model}/artifacts?{menu}") as tab:
        tab.get_by_text("MLmodel").first.click()
        tab.get_by_text("signature").first.wait_for()
    with eyes.look(
        "report", f"{experiment}/runs/{summary['sweep_run_id']}/artifacts/report.html?{menu}"
    ) as tab:
        tab.frame_locator("iframe").first.locator("h1").first.wait_for()
        tab.wait_for_timeout(3000)


def main() -> None:
    """Sweep, look, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    parser.add_argument("--width", type=int, default=1440, help="of the window; a phone has 390")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        server = Server(home)
        server.start()
        address = server.uri
        words = "data=wages", f"tracking.uri={address}", f"budget.fits={options.fits}"
        summary, said = sweep(words, home)
        (link,) = re.findall(rf"{re.escape(address)}\S*viewStateShareKey\S*", said)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
            tab = browser.new_page(viewport={"width": options.width, "height": 900})
            tab.set_default_timeout(PATIENCE)
            eyes = Eyes(tab, options.out)
            visit(eyes, address, link, summary)
            browser.close()
        server.stop()
    found = {"fits": summary["fits"], "champion": summary["champion"]["trial"]}
    print(json.dumps(found | {"seconds": eyes.seconds}))


if __name__ == "__main__":
    main()
