"""The page of a sweep, or of several compared, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import ConfigError
from pipeline.core.files import write_whole
from pipeline.ledger.read import read_sweep


def report(sweeps: Sequence[str], output: str | None, uri: str | None) -> str:
    """Write the page of a sweep, or of several compared; return its path with a sentence.

    Args:
        sweeps: Ids, or `latest`; at least one.
        output: The file; None: report.html or comparison.html.
        uri: The store.

    Raises:
        ConfigError: The file cannot be written, or there is no such sweep.
    """
    is_one = len(sweeps) == 1
    target = _writable(Path(output or ("report.html" if is_one else "comparison.html")))
    records = [read_sweep(uri, sweep) for sweep in sweeps]
    from pipeline.figures.compare import sentences
    from pipeline.figures.page import compare_page, page
    from pipeline.figures.verdict import answer

    content = page(records[0]) if is_one else compare_page(records)
    try:
        write_whole(target, content.encode())
    except OSError as error:
        raise ConfigError(
            f"output={target}: cannot be written ({error.strerror}); output=FILE names another place"
        ) from error
    return f"{target}: {answer(records[0])[0] if is_one else sentences(records)[0]}"


def _writable(path: Path) -> Path:
    """Return the path when a file can be written there.

    Raises:
        ConfigError: Its folder does not exist, or it is a folder itself.
    """
    if path.is_dir():
        raise ConfigError(f"output={path}: is a folder; name the file to write, {path}/report.html")
    if not path.parent.is_dir():
        raise ConfigError(f"output={path}: there is no folder {path.parent}; make it first")
    return path
