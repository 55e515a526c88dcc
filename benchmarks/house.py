"""The weight and the shape of the house: lines, files, loose modules, circles, arrows between rooms.

`python -m benchmarks.house [root=DIR]`: DIR is a checkout, this one unless another is named, so that two
versions can be compared. Read from the syntax tree; nothing is imported.
"""

from __future__ import annotations

import ast
import io
import json
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENTRIES = (
    "__main__",
    "sweep",
    "plan",
    "predict",
    "report",
    "replay",
    "doctor",
    "api",
    "estimators",
)
"""The modules that may stand beside the rooms."""


def imports(root: Path) -> dict[str, set[str]]:
    """Return which modules of `pipeline` each of them imports, late and for types alone included."""
    files = {_module(root, path): path for path in sorted((root / "pipeline").rglob("*.py"))}
    return {
        name: {found for found in _imported(path, files) if found in files and found != name}
        for name, path in files.items()
    }


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return every set of modules that import one another in a circle, each sorted."""
    found_of = {name: reached(graph, name) for name in graph}
    found = {
        frozenset(other for other in found_of[name] if name in found_of[other]) for name in graph
    }
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Return what a module imports, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def room(module: str) -> str:
    """Return the room of a module: its folder below `pipeline`; entry points are `entry`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else "entry"  # noqa: PLR2004 - pipeline.room.module


def arrows(graph: Mapping[str, set[str]]) -> Counter[tuple[str, str]]:
    """Return how many imports lead from room to room."""
    rooms = {name: _room(name, graph) for name in graph}
    return Counter(
        (rooms[name], rooms[other])
        for name, others in graph.items()
        for other in others
        if rooms[name] != rooms[other] and "pipeline" not in {name, other}
    )


def lines(root: Path) -> dict[str, int]:
    """Return the lines of `pipeline`, and how many of them are code, docstrings, comments and empty."""
    counted: Counter[str] = Counter()
    for path in sorted((root / "pipeline").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        kinds = _kinds(text)
        counted.update(kinds)
        counted["all"] += len(kinds)
        counted["files"] += 1
    return dict(counted)


def main(words: list[str]) -> None:
    """Print the measurements, and one last line of JSON."""
    named = dict(word.split("=", 1) for word in words)
    root = Path(named.get("root", Path(__file__).parent.parent))
    graph = imports(root)
    counted = lines(root)
    loose = [name for name in graph if name.count(".") == 1 and _room(name, graph) == "entry"]
    facts = {
        "benchmark": "house",
        **counted,
        "rooms": len({_room(name, graph) for name in graph} - {"entry"}),
        "arrows": len(arrows(graph)),
        "loose": [name for name in loose if name.split(".")[1] not in ENTRIES],
        "circles": circles(graph),
    }
    for (start, end), count in sorted(arrows(graph).items()):
        print(f"{start:>12} -> {end:<12} {count}")
    print(json.dumps(facts))


def _module(root: Path, path: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(name: str, graph: Mapping[str, set[str]]) -> str:
    """Return the room of a module; a package of the top level is its own room."""
    is_package = any(other.startswith(f"{name}.") for other in graph)
    return name.split(".")[1] if is_package and name.count(".") == 1 else room(name)


def _imported(path: Path, files: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            longer = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in files else node.module for name in longer)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _kinds(text: str) -> list[str]:
    """Return what each line is: code, docstring, comment or empty."""
    kinds = ["empty"] * len(text.splitlines())
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = "comments" if token.type == tokenize.COMMENT else "code"
        if token.type in _NO_TEXT or not token.string.strip():
            continue
        for line in range(token.start[0] - 1, token.end[0]):
            if kinds[line] != "code":
                kinds[line] = kind
    for node in ast.walk(ast.parse(text)):
        value = getattr(node, "value", None)
        if isinstance(node, ast.Expr) and isinstance(getattr(value, "value", None), str):
            kinds[node.lineno - 1 : node.end_lineno] = ["docstrings"] * (
                (node.end_lineno or node.lineno) - node.lineno + 1
            )
    return kinds


_NO_TEXT = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


if __name__ == "__main__":
    main(sys.argv[1:])
