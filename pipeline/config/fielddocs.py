"""The docstrings under the fields of the schema, for `--help GROUP`."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def field_docs(owner: type) -> Mapping[str, str]:
    """Return the docstring under each field that a dataclass declares itself, on one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(owner)
    docs = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            docs[statement.target.id] = " ".join(str(following.value.value).split())
    return docs
