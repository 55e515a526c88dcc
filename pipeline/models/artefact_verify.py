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
"""Niceness of the process: its imports must not delay the start of the sweep."""


def main() -> int:
    """Answer line by line; a model that fails ends the process, with its message as the last line."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    gc.set_threshold(50_000, 20, 20)  # imports allocate many objects that stay
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
    answers = []
    for content_type, file in task["requests"]:
        body = Path(file).read_bytes()
        reply = pyfunc.scoring_server.invocations(body, content_type, model, schema)
        answers.append(json.loads(reply.response)["predictions"])
    return answers


if __name__ == "__main__":
    sys.exit(main())
