"""What Keras does not offer, on TensorFlow: gradients, whole programs for XLA, member-wise maps."""

from __future__ import annotations

import contextlib
import json
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from pipeline.training import sizes
from pipeline.training.program_cache import (
    DamagedProgramsError,
    clear,
    folder,
    keep_trace,
    read_trace,
)
from pipeline.training.sizes import Device

if TYPE_CHECKING:
    from tensorflow.core.framework.attr_value_pb2 import NameAttrList
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

log = logging.getLogger(__name__)

GPU_BYTES = 8e9
"""TensorFlow does not tell how much memory a GPU has; current ones have more."""


def device(*, convolutional: bool = False) -> Device:
    """Return where programs run; a GPU's memory is then taken as it is needed, not at once."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # already in use: set by whoever used it first
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    if convolutional:
        return sizes.GRAPHS
    return sizes.gpu(GPU_BYTES) if gpus else sizes.CPU


def gradients(loss: Callable[[Any], tuple[Any, Any]], weights: list[Any]) -> tuple[Any, list[Any]]:
    """Return what `loss` computed beside the loss, and the slopes of the loss.

    Args:
        loss: weights -> (scalar, anything else).
        weights: Of one member.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        value, aside = loss(weights)
    return aside, tape.gradient(value, weights, unconnected_gradients="zero")


def map_members(function: Callable[[Any], Any], stacked: Any, members: int) -> Any:
    """Map over the first axis of every array; the number of members stays known to the compiler."""
    if members == 1:  # also where nothing can be mapped
        alone = function(tf.nest.map_structure(lambda x: x[0], stacked))
        return tf.nest.map_structure(lambda x: x[None], alone)
    results = tf.vectorized_map(function, stacked)
    return tf.nest.map_structure(lambda x: _as(x, (members, *x.shape[1:])), results)


_as_graph = False
"""Whether what is traced now will not be compiled; tracing is one at a time."""


def put(array: Any, start: tuple[Any, ...], values: Any) -> Any:
    """Return an array in which a block, as large as the values, is replaced."""
    if not _as_graph:
        return keras.ops.slice_update(array, start, values)
    # XLA's own operation would be compiled by itself for every shape, and says so on stderr.
    places = tf.range(tf.size(values))
    inside = tf.transpose(tf.unravel_index(places, tf.shape(values)))
    return tf.tensor_scatter_nd_update(
        array, inside + tf.stack([tf.cast(at, tf.int32) for at in start]), tf.reshape(values, [-1])
    )


class Compiled:
    """A function as one XLA program, or as one graph; creating it traces.

    What is compiled on cores runs in a session of its own: what TensorFlow compiles for eager functions
    it keeps until the process ends, but a session takes it along (docs/experiments.md). On a GPU a
    session would carry the state to the host and back with every call.
    """

    def __init__(self, program: Callable[..., Any]) -> None:
        """Take over what runs; see `traced` and `kept`."""
        self._program = program

    @classmethod
    def traced(
        cls,
        function: Callable[..., Any],
        example: tuple[Any, ...],
        *,
        as_graph: bool = False,
        name: str = "",
    ) -> Compiled:
        """Trace for arguments of these shapes and types.

        Args:
            function: arrays -> nested dictionaries, lists or tuples of arrays.
            example: Its arguments.
            as_graph: It will not be compiled.
            name: Under which a later process finds the trace again; empty: it does not.
        """
        with _tracing(as_graph=as_graph):
            whole = tf.function(function, jit_compile=not as_graph, autograph=False)
            # Traced eagerly in any case: in a session's graph `==` of tensors asks for their identity.
            traced = whole.get_concrete_function(*example)
        if as_graph or tf.config.list_physical_devices("GPU"):
            return cls(traced)
        trace = _Trace.of(traced, example)
        if name:
            keep_trace(name, trace.dumps())
        return cls(_in_session(trace))

    @classmethod
    def kept(cls, name: str) -> Compiled | None:
        """Return a program whose trace an earlier process has kept, or None."""
        content = None if tf.config.list_physical_devices("GPU") else read_trace(name)
        return None if content is None else cls(_in_session(_Trace.loads(content)))

    def compile(self, example: tuple[Any, ...]) -> None:
        """Compile by calling: there is no other way.

        Raises:
            DamagedProgramsError: A file of the program cache was cut short (a full disk, a killed
                process). The folder has been emptied: trace and compile again.
        """
        place = folder()
        try:
            self._program(*example)
        except (tf.errors.OutOfRangeError, tf.errors.DataLossError) as error:
            if place is None:
                raise
            log.warning("the kept programs in %s are damaged and are compiled again", place)
            clear(place)
            raise DamagedProgramsError from error

    def __call__(self, *arguments: Any) -> Any:
        """Run the program."""
        return self._program(*arguments)


@contextlib.contextmanager
def _tracing(*, as_graph: bool) -> Iterator[None]:
    global _as_graph  # noqa: PLW0603 - `put` is called in the depths of the trace
    _as_graph = as_graph
    try:
        yield
    finally:
        _as_graph = False


class _Trace(NamedTuple):
    """A function as a graph that can be written to a file."""

    definition: Any
    """GraphDef."""
    feeds: list[str]
    """Tensors of the arguments, in the order of `tf.nest.flatten`."""
    fetches: list[str]
    """Tensors of the results, in the same order."""
    structure: Any
    """The results, with 0 in place of every tensor."""

    @classmethod
    def of(cls, traced: Callable[..., Any], example: tuple[Any, ...]) -> _Trace:
        """Return the graph of a concrete function."""
        with tf.Graph().as_default() as named:
            places = [
                tf.compat.v1.placeholder(value.dtype, value.shape)
                for value in tf.nest.flatten(example)
            ]
            results = traced(*tf.nest.pack_sequence_as(example, places))
        definition = named.as_graph_def()
        rename_functions(definition)
        feeds, fetches = ([x.name for x in tf.nest.flatten(part)] for part in (places, results))
        return cls(definition, feeds, fetches, tf.nest.map_structure(lambda _: 0, results))

    def dumps(self) -> bytes:
        """Return it as bytes: a line of JSON, and the compressed graph."""
        graph = zlib.compress(self.definition.SerializeToString(deterministic=True), 1)
        return json.dumps(self[1:]).encode() + b"\n" + graph

    @classmethod
    def loads(cls, content: bytes) -> _Trace:
        """Return what `dumps` has written; tuples of results come back as lists."""
        head, graph = content.split(b"\n", 1)
        return cls(tf.compat.v1.GraphDef.FromString(zlib.decompress(graph)), *json.loads(head))


def _in_session(trace: _Trace) -> Callable[..., Any]:
    """Return a function of host arrays that runs a trace; all it holds ends with it."""
    # Within a graph: the names must not be known to eager code, where every program has an f0.
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(trace.definition, name="")
    # XLA optimizes by itself; looking through the graph before it takes a third of a second.
    settings = tf.compat.v1.ConfigProto()
    settings.graph_options.rewrite_options.disable_meta_optimizer = True
    settings.graph_options.optimizer_options.opt_level = -1
    session = tf.compat.v1.Session(graph=graph, config=settings)
    # With feeds the public `make_callable` looks every tensor up again at every call.
    options = CallableOptions(feed=trace.feeds, fetch=trace.fetches)
    call = session._make_callable_from_options(options)  # noqa: SLF001
    structure = trace.structure

    def run(*arguments: Any) -> Any:
        outputs = call(*[np.asarray(argument) for argument in tf.nest.flatten(arguments)])
        return tf.nest.pack_sequence_as(structure, outputs)

    return run


class MemberOptimizer:
    """Mixed into a Keras optimizer: its updates become values, so that they can be mapped.

    TensorFlow's own versions write to tf.Variable and ask for its identity.
    """

    def assign(self, variable: Any, value: Any) -> None:
        """Set a variable of the scope."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a variable of the scope."""
        variable.assign(variable + value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtract from a variable of the scope."""
        variable.assign(variable - value)

    def _var_key(self, variable: Any) -> int:
        """Tell variables apart, also where a scope stands in for their values."""
        return id(variable)


def _as(tensor: Any, shape: Any) -> Any:
    """State the shape: vectorized_map forgets how many members there are."""
    return tf.ensure_shape(tensor, shape)


def rename_functions(graph: GraphDef) -> None:
    """Name every function that the graph reaches f0, f1, ... in the order of its calls.

    TensorFlow numbers functions in the order in which a process traces them, threads and all, and its cache
    of compiled programs looks up by names too: what another process compiled was rarely found
    (docs/experiments.md). Changes the graph in place; functions that nothing calls are dropped. Equal names
    in one process are safe because every session has devices, and so compiled programs, of its own.

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
