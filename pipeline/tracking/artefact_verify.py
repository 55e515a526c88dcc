"""A fresh process that loads a saved model as MLflow's users do, and predicts.

Run as a script, isolated, without this package. It imports the frameworks first, so that it can be
started while the sweep still does other things; then it reads one line of JSON from stdin:
`{"model": folder, "rows": file, "predictions": file}`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    """Predict the given rows with the given model."""
    import keras  # noqa: F401 - the slow import, before the work arrives
    import mlflow.pyfunc
    import pandas as pd
    import skops.io  # noqa: F401 - the same

    line = sys.stdin.readline()
    if not line:
        return 0  # the sweep ended without a champion
    task = json.loads(line)
    rows = json.loads(Path(task["rows"]).read_text(encoding="utf-8"))
    frame = pd.DataFrame(rows["data"], columns=rows["columns"])
    predicted = mlflow.pyfunc.load_model(task["model"]).predict(frame)
    Path(task["predictions"]).write_text(
        predicted.to_json(orient="split", double_precision=15), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
