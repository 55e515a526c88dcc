"""Are the predicted ranges right: the plan, the time left, and the end of a budget.

    python -m benchmarks.estimates [--bench ../shared/bench] [--sets wages titanic credit]
        [--budgets 30 60 300] [--only plan budget]

    plan    on fresh rates that one sweep of `accounts` has taught: the range of seconds that
            `pipeline.plan` predicts for each set against those its sweep takes, and the range of
            time left that the sweep shows after 20 % of them against what was left; the share of
            all ranges shown that held the truth. Then once more: the plan of a sweep that ran before.
    budget  `budget.seconds=` 30, 60 and 300 on adult_income: seconds from the start of the process
            to its end (kept: within 5 % or 5 s).

The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.commands import call

TEACHER = "accounts"
SETS = ("wages", "titanic", "credit")
EARLY = 0.2
"""Share of the work after which the time left is looked at."""
TRACE = """
import json, sys
from pipeline.runtime.budget import process_seconds
from pipeline.terminal import progress
from pipeline.sweep import main
said, trace = [], sys.argv.pop(1)
def estimate(self, low, high, shown=progress.Display.estimate):
    shown(self, low, high)
    said.append((process_seconds(), low, high))
progress.Display.estimate = estimate
try:
    code = main()
finally:
    json.dump(said, open(trace, "w"))
raise SystemExit(code)
"""
PLAN = """
import json, sys
from pipeline.config.launch import compose_for_plan
from pipeline.forecast.timemodel import prospect
found = prospect(compose_for_plan(sys.argv[1:], "plan", "")).forecast
fits = [way.fits for way in found.ways]
print(json.dumps({"low": found.low, "high": found.high, "fits": [min(fits), max(fits)],
                  "basis": found.basis}))
"""


def python(code: str, *words: str, home: Path) -> str:
    """Run Python code of ours in a process with a memory of its own."""
    return call([sys.executable, "-c", code, *words], home, XDG_CACHE_HOME=str(home))


def swept(words: list[str], home: Path) -> tuple[float, list[list[float]], dict[str, Any]]:
    """Run a sweep; return its seconds, (seconds of the process, range of time left), its summary."""
    trace, out = home / "trace.json", home / "out"
    began = time.perf_counter()
    python(TRACE, str(trace), *words, "verbose=false", f"hydra.run.dir={out}", home=home)
    seconds = time.perf_counter() - began
    said = json.loads(trace.read_text())
    return seconds, said, json.loads((out / "summary.json").read_text())


def words_of(name: str, bench: Path | None) -> list[str]:
    """Return the words that name a shipped table, or one of the folder of other tables."""
    path = None if bench is None else bench.resolve() / f"{name}.csv.gz"
    if path is None or not path.exists():
        return [f"data={name}"]
    with (path.parent / "index.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["name"] == name]
    kind = "regression" if row["task"] == "regression" else "classification"
    return ["data=table", f"data.path={path}", f"data.target={row['target']}", f"data.task={kind}"]


def plan(words: list[str], home: Path) -> dict[str, Any]:
    """Compare what is predicted of one set with what happens."""
    predicted = json.loads(python(PLAN, *words, home=home).strip().splitlines()[-1])
    seconds, said, summary = swept(words, home)
    held = [low <= seconds - at <= high for at, low, high in said]
    at, low, high = next(one for one in said if one[0] >= EARLY * seconds)
    return {
        "basis": predicted["basis"],
        "planned": [predicted["low"], predicted["high"]],
        "took": seconds,
        "plan_held": predicted["low"] <= seconds <= predicted["high"],
        "planned_fits": predicted["fits"],
        "fits": summary["fits"],
        "said_left": [low, high],
        "was_left": seconds - at,
        "left_held": sum(held) / len(held),
    }


def budget(limit: float, bench: Path, home: Path) -> dict[str, Any]:
    """Run adult_income within a budget."""
    path = bench / "adult_income.csv.gz"
    words = ["data=table", f"data.path={path}", "data.target=income", f"budget.seconds={limit}"]
    seconds, _, summary = swept(words, home)
    over = seconds - limit
    kept = over <= max(5.0, 0.05 * limit)
    return {"budget": limit, "took": seconds, "kept": kept, "fits": summary["fits"]}


def main() -> None:
    """Measure and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, help="folder with adult_income.csv.gz and others")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--budgets", nargs="+", type=float, default=[30.0, 60.0, 300.0])
    parser.add_argument("--only", nargs="+", choices=["plan", "budget"], default=["plan", "budget"])
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        swept([f"data={TEACHER}"], home)
        if "plan" in options.only:
            for turn in ("new", "again"):
                for name in options.sets:
                    results[f"{name} {turn}"] = found = plan(words_of(name, options.bench), home)
                    print(f"{name:8} {turn:5}  {json.dumps(found)}", flush=True)
        if "budget" in options.only and options.bench is not None:
            for limit in options.budgets:
                results[f"budget {limit:g}"] = found = budget(limit, options.bench.resolve(), home)
                print(f"budget   {found}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
