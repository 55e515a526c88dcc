"""A TensorFlow graph whose functions are named by their place, so that equal programs have equal names.

TensorFlow numbers functions in the order in which a process traces them, threads and all, and its cache
of compiled programs looks up by names too: what another process compiled was rarely found
(docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorflow.core.framework.attr_value_pb2 import NameAttrList
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def rename_functions(graph: GraphDef) -> None:
    """Name every function that the graph reaches f0, f1, ... in the order of its calls.

    Changes the graph in place; functions that nothing calls are dropped. Equal names in one process
    are safe because every session has devices, and so compiled programs, of its own.

    Raises:
        ValueError: The graph has gradients of its own, which would be lost.
    """
    if graph.library.gradient:
        raise ValueError("a graph to be trained again cannot be renamed")
    bodies = {function.signature.name: function for function in graph.library.function}
    names: dict[str, str] = {}
    _rename_calls(graph.node, names)
    kept: list[Any] = []
    while len(kept) < len(names):  # a body may name further functions
        old, new = list(names.items())[len(kept)]
        body = bodies[old]
        body.signature.name = new
        _rename_calls(body.node_def, names)
        kept.append(body)
    # Copied before the library that owns them is emptied.
    library = type(graph.library)(function=kept)
    graph.library.CopyFrom(library)


def _rename_calls(nodes: Iterable[NodeDef], names: dict[str, str]) -> None:
    for node in nodes:
        for call in _calls(node):
            call.name = names.setdefault(call.name, f"f{len(names)}")


def _calls(node: NodeDef) -> Iterator[NameAttrList]:
    """Yield the functions that a node calls; sorted, for a map has no order."""
    for _, value in sorted(node.attr.items()):
        if value.HasField("func"):
            yield value.func
        yield from value.list.func
