"""One message at the end of a sweep: a JSON POST to the user's webhook."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from urllib import request
from urllib.error import URLError

from pipeline.core.errors import SweepError
from pipeline.core.language import exact, plural

log = logging.getLogger(__name__)

SECONDS = 10.0
"""Timeout of the webhook; a sweep never waits longer for a chat server."""

OF_CHAMPION = (
    "trial", "capacity", "parameters", "networks", "objective", "score", "val_loss", "test_loss", "model_uri",
)  # fmt: skip
KEYS = ("sweep_run_id", "experiment", "status", "seconds", "trials", "fits", "cost", "registry")


def message(output_dir: Path, error: BaseException | None = None) -> dict[str, Any]:
    """Return the message to the webhook: the main keys of `summary.json`, or the error."""
    if error is not None:
        code = error.exit_code if isinstance(error, SweepError) else 1
        return {"status": "failed", "exit_code": code, "text": f"sweep failed: {error}"}
    try:
        summary = json.loads((output_dir / "summary.json").read_text(encoding="utf-8"))
        champion = summary["champion"]
        text = (
            f"{summary['experiment']}: {champion['trial']}, {champion['objective']} "
            f"{exact(champion['score'])}, {plural(summary['fits'], 'fit')} in {summary['seconds']:.0f} s"
        )
    except (OSError, ValueError, KeyError) as failure:  # the folder is gone, or its disk was full
        reason = type(failure).__name__
        text = f"sweep finished; its summary.json is in the tracking store, its file unreadable ({reason})"
        return {"status": "finished", "exit_code": 0, "text": text}
    content = {key: summary[key] for key in KEYS if summary.get(key) is not None}
    return content | {
        "exit_code": 0,
        "text": text,  # chat tools show this field as it is
        "champion": {name: champion.get(name) for name in OF_CHAMPION},
    }


def notify(url: str | None, output_dir: Path, error: BaseException | None = None) -> None:
    """Send the message, if there is a webhook; a webhook that fails is only logged."""
    if url is None:
        return
    body = json.dumps(message(output_dir, error)).encode()
    call = request.Request(  # noqa: S310 - checks.py allows http and https alone
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with request.urlopen(call, timeout=SECONDS):  # noqa: S310 - as above
            log.info("the webhook was told")
    except (URLError, OSError, ValueError) as failure:
        # Without the address: a webhook's address is its password.
        log.warning("the webhook was not reached: %s", type(failure).__name__)
