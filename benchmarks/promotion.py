"""Does the registry let only the better model in: three nights on a table that grows, for real.

    python -m benchmarks.promotion --bench ../shared/bench [--seconds 60]

`concrete` with `data.split=hash`, each night with a tenth more rows. The first night may use no
hidden layer, the second night networks, the third again none: the second must replace the first, the
third must not replace the second, each on test rows that neither was trained on.
The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.commands import sweep

SIMPLE = ["search.space.layers_max=0", "search.start_layers=0", "search.space.units_min=1"]
NIGHTS: list[tuple[float, list[str]]] = [(0.8, SIMPLE), (0.9, []), (1.0, SIMPLE)]


def night(words: list[str], home: Path) -> dict[str, Any]:
    """Run one night's sweep and return what its summary says of the registry."""
    summary, _ = sweep(words, home)
    kept = {key: summary["champion"][key] for key in ("trial", "test_loss")}
    return kept | {"registry": summary["registry"]}


def alias(home: Path, name: str) -> str:
    """Return the version that an alias stands on."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlruns' / 'mlflow.db'}")
    return str(client.get_model_version_by_alias("concrete", name).version)


def main() -> None:
    """Run the nights and print what was decided, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True, help="folder with concrete.csv.gz")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    table = pd.read_csv(options.bench / "concrete.csv.gz").sample(frac=1.0, random_state=0)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for share, words in NIGHTS:
            table.head(int(share * len(table))).to_csv(home / "concrete.csv", index=False)
            every = [
                *("data=table", "data.path=concrete.csv", "data.target=compressive_strength"),
                *("data.split=hash", "data.test_fraction=0.25", "registry.name=concrete"),
                *(f"budget.seconds={options.seconds}", *words),
            ]
            one = night(every, home) | {"champion": alias(home, "champion")}
            found.append(one)
            print(one, flush=True)
    versions = [one["champion"] for one in found]
    held = versions[0] != versions[1] and versions[1] == versions[2]
    print(json.dumps({"held": held, "nights": found}))
    if not held:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
