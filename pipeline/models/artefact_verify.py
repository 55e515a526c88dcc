"""A process of its own that loads saved models as MLflow's users do, and answers as its server would.

Run as a script, isolated, without this package. It imports the frameworks first, so that it can be
started while the sweep still does other things; then it reads lines of JSON from stdin, each
`{"model": folder, "requests": [[content type, file], ...], "answer": file}`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

NICE = 5
"""So that importing beside the sweep's own start does not delay it."""


def main() -> int:
    """Answer one line after the other; the first model that fails ends it, and its words are the last."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    gc.set_threshold(
        50_000, 20, 20
    )  # imports make objects that stay; Python would visit them all the time
    import keras  # noqa: F401 - the slow import, before the work arrives
    import mlflow.pyfunc.scoring_server
    import skops.io  # noqa: F401 - the same

    for line in sys.stdin:  # it ends with the sweep
        task = json.loads(line)
        try:
            answers = _answers(mlflow.pyfunc, task)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            traceback.print_exc()
            cause = error.__context__ or error  # MLflow's server hides what the model said
            sys.stderr.write(" ".join(f"{type(cause).__name__}: {cause}".split()) + "\n")
            return 1
        Path(task["answer"]).write_text(json.dumps(answers), encoding="utf-8")
    return 0


def _answers(pyfunc: Any, task: dict[str, Any]) -> list[Any]:
    """Return the predictions for each request, as the body of an HTTP request holds them."""
    model = pyfunc.load_model(task["model"])
    schema = model.metadata.get_input_schema()
    found = []
    for content_type, file in task["requests"]:
        body = Path(file).read_bytes()
        answer = pyfunc.scoring_server.invocations(body, content_type, model, schema)
        found.append(json.loads(answer.response)["predictions"])
    return found


if __name__ == "__main__":
    sys.exit(main())
