"""The report as a reader sees it: in headless Chromium, wide and narrow, light and dark."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.figures.page import compare_page
from pipeline.figures.page import page as report_page
from pipeline.figures.trials import trials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.ledger.read import SweepRecord

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install playwright"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SCROLL = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 600) {
    scrollTo({ top: y, behavior: "instant" });
    await new Promise((done) => setTimeout(done, 40));
  }
}"""
UNDRAWN = """() => [...document.querySelectorAll(".plot[data-figure]")]
  .filter((box) => !box.dataset.drawn || !box.querySelector(".main-svg"))
  .map((box) => box.dataset.figure)"""
OVERFLOWING = """() => [...document.querySelectorAll("main :is(figure, section, dl, li, .plot)")]
  .filter((one) => one.offsetParent !== null)
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.className || one.tagName)"""
OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll("main > *, figure")]
    .map((one) => [one, one.getBoundingClientRect()]).filter(([, a]) => a.width);
  const clash = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
    .filter(([other, b]) => !one.contains(other) && clash(a, b))
    .map(([other]) => `${one.id || one.className} over ${other.id || other.className}`));
}"""
MODES = {
    "desktop-light": (WIDE, "light"),
    "desktop-dark": (WIDE, "dark"),
    "phone-light": (NARROW, "light"),
    "phone-dark": (NARROW, "dark"),
}
SEEN = [  # a whole sweep in every mode, and every other kind in one of them
    ("whole", "desktop-light"),
    ("whole", "phone-dark"),
    # Each width and each colour scheme is seen above; these are the other two pairs of them.
    pytest.param("whole", "desktop-dark", marks=pytest.mark.rare),
    pytest.param("whole", "phone-light", marks=pytest.mark.rare),
    ("classes", "desktop-dark"),
    ("pictures", "phone-light"),
    ("killed", "phone-dark"),
    ("hopeless", "desktop-light"),
    ("single", "phone-light"),
    ("unbegun", "desktop-dark"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless browser."""
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page, scrolls through it and keeps what went wrong."""
    contexts = []

    def opened(html: str, *, size: dict[str, int] = WIDE, scheme: str = "light") -> Any:
        target = tmp_path / "report.html"
        target.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(120_000)
        tab = context.new_page()
        tab.wrong = []
        tab.on("console", lambda message: tab.wrong.append(message.text))
        tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
        tab.on("dialog", lambda dialog: tab.wrong.append(f"dialog: {dialog.message}"))
        tab.on("request", lambda asked: note_request(tab, asked.url))
        tab.goto(target.as_uri())
        tab.evaluate("() => document.querySelectorAll('details').forEach((one) => one.open = true)")
        # Again and again: a busy machine may scroll past before the page looks.
        seen(tab, lambda: tab.evaluate(SCROLL) or not tab.evaluate(UNDRAWN))
        return tab

    yield opened
    for context in contexts:
        context.close()


def seen(tab: Any, wanted: Callable[[], bool]) -> bool:
    """Wait until a page is as wanted: its policy forbids playwright's own waiting, which uses eval."""
    for _ in range(200):  # a busy machine paints a page in tens of seconds
        if wanted():
            return True
        tab.wait_for_timeout(300)
    return False


def note_request(tab: Any, url: str) -> None:
    """Remember anything that is fetched beside the file itself."""
    if not url.startswith(("file:", "data:", "blob:")):
        tab.wrong.append(f"request: {url}")


@pytest.mark.parametrize(("name", "mode"), SEEN)
def test_every_page_draws_whole_and_quietly(
    name: str, mode: str, visit: Callable[..., Any], page_of: Callable[[str], str]
) -> None:
    """No console message, no request, every plot drawn, nothing overflows or overlaps."""
    size, scheme = MODES[mode]
    tab = visit(page_of(name), size=size, scheme=scheme)
    assert tab.wrong == []
    assert tab.evaluate(UNDRAWN) == []
    assert tab.evaluate(OVERFLOWING) == []
    assert tab.evaluate(OVERLAPPING) == []


def test_a_comparison_draws_whole_and_quietly(
    visit: Callable[..., Any], make: Callable[..., SweepRecord]
) -> None:
    """Two sweeps side by side, also on a phone."""
    tab = visit(compare_page([make(seed=1), make(seed=2)]), size=NARROW)
    assert tab.wrong == []
    assert tab.evaluate(UNDRAWN) == []
    assert tab.evaluate(OVERFLOWING) == []


def test_plots_follow_the_readers_colours(visit: Callable[..., Any], record: SweepRecord) -> None:
    """Switching the system to dark repaints plots that are already drawn, and back."""
    tab = visit(report_page(record))
    ink = "() => getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    light = tab.evaluate(ink)
    tab.emulate_media(color_scheme="dark")
    assert seen(tab, lambda: tab.evaluate(ink) != light)
    tab.emulate_media(color_scheme="light")
    assert seen(tab, lambda: tab.evaluate(ink) == light)


def test_the_table_sorts_filters_and_lays_curves(
    visit: Callable[..., Any], record: SweepRecord
) -> None:
    """One row a trial, the chosen first; a click sorts, a word filters, a row unfolds, ticks draw curves."""
    tab = visit(report_page(record))
    place = "() => document.querySelector('.fits tbody tr td:nth-child(2)').textContent"
    table, every = trials(record), record.fits["trial"].nunique()
    heads = int(table["stands"].sum()) + every - len(table)
    assert tab.evaluate(place) == "1"
    assert tab.inner_text("#fits-count") == f"{heads} of {every} trials"
    tab.click(".fits th[data-key=place] button")
    assert tab.evaluate(place) not in {"1", "–"}
    tab.click("#fits-more")
    assert tab.inner_text("#fits-count") == f"{every} of {every} trials"
    tab.fill("#fits-search", "3x64 diverged")
    assert tab.inner_text("#fits-count") == f"1 of {every} trials"
    tab.click(".fits .fold")
    assert tab.locator(".fits .inner table tr").count() == 1 + 3
    tab.fill("#fits-search", "")
    for row in (1, 2):
        tab.check(f".fits tbody tr:nth-child({row}) input")
    assert seen(tab, lambda: tab.locator("#overlay .scatterlayer .trace").count() == 4)
    assert tab.wrong == []


@pytest.mark.parametrize("name", ["whole", "classes"])
def test_the_first_screen_answers(
    name: str, visit: Callable[..., Any], page_of: Callable[[str], str]
) -> None:
    """At 1440 x 900: the answer in two lines, the key figures, and the capacity chart whole."""
    tab = visit(page_of(name), size={"width": 1440, "height": 900})
    tab.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    bottom = "() => document.querySelector('.hero figure').getBoundingClientRect().bottom"
    assert tab.evaluate(bottom) <= 900
    lines = """() => { const one = document.querySelector('.answer');
      return one.offsetHeight / parseFloat(getComputedStyle(one).lineHeight); }"""
    assert tab.evaluate(lines) < 2.2


def test_a_phone_shows_the_score_of_a_trial(
    visit: Callable[..., Any], page_of: Callable[[str], str]
) -> None:
    """Place, trial and score stand within 390 pixels; the rest is a swipe away."""
    tab = visit(page_of("whole"), size=NARROW)
    right = """() => Math.max(...[...document.querySelectorAll('.fits tbody tr td:nth-child(4)')]
      .map((one) => one.getBoundingClientRect().right))"""
    assert tab.evaluate(right) <= 390


def test_hostile_names_do_nothing(
    visit: Callable[..., Any], kind: Callable[[str], SweepRecord]
) -> None:
    """Markup in the data is shown as text: no dialog, no image, no script of its own."""
    bad = "<img src=x onerror=alert(1)><script>alert(2)</script></script>"
    record = kind("classes")
    for column in ("trial", "capacity"):
        record.fits[column] = record.fits[column] + bad
    record.summary["champion"]["trial"] += bad
    record.summary["experiment"] = bad
    record.predictions = record.predictions.replace("died", bad)
    record.predictions = record.predictions.rename(
        columns={"probability_died": f"probability_{bad}"}
    )
    tab = visit(report_page(record))
    tab.check(".fits tbody tr:nth-child(1) input")
    tab.wait_for_selector("#overlay .main-svg")
    tab.hover("#overlay .plot")
    assert tab.wrong == []
    assert tab.locator("main img").count() == 0


def test_print_holds_every_plot(visit: Callable[..., Any], record: SweepRecord) -> None:
    """Printing from the dark draws in the light: white paper, dark ink, nothing left out."""
    tab = visit(report_page(record), scheme="dark")
    tab.emulate_media(media="print")
    tab.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert seen(tab, lambda: tab.evaluate(UNDRAWN) == [])
    ink = "() => getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    assert seen(
        tab, lambda: sum(int(part) for part in tab.evaluate(ink).strip("rgb()").split(",")) < 400
    )
    assert len(tab.pdf(format="A4")) > 50_000
