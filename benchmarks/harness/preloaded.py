"""Import everything that a sweep imports, and start nothing: a process in this state can be forked.

A sweep imports for 10 s and works for 20. Whoever starts it a hundred times imports once.
"""

from __future__ import annotations

import importlib
import os

from pipeline.ledger.store import isolate
from pipeline.training.threads import prepare

prepare()
isolate()
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
for name in (
    *("tensorflow", "mlflow.store.tracking.sqlalchemy_store", "plotly"),
    *(
        "pipeline.session.loop",
        "pipeline.session.ending",
        "pipeline.figures.page",
        "pipeline.training.stacked",
    ),
):
    importlib.import_module(name)
