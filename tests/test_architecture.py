"""The house keeps its walls: what docs/architecture.md says about rooms, read from the imports."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from benchmarks import house

ROOT = Path(__file__).parent.parent
PIPELINE = ROOT / "pipeline"
FILES = sorted(PIPELINE.rglob("*.py"))

ENTRIES = (
    "__main__.py",
    "sweep.py",
    "plan.py",
    "predict.py",
    "report.py",
    "replay.py",
    "doctor.py",
)

# From below to above: a room may import those before it, never a later one.
ORDER = (
    "core", "config", "runtime", "data", "search", "training", "compute", "evaluation", "ledger", "models",
    "registry", "figures", "terminal", "forecast", "session", "entry",
)  # fmt: skip

# Which files may import a framework, at module level or late. Nobody else may.
OWNERS = {
    "hydra": ("config/*", *ENTRIES),
    "omegaconf": ("config/*", *ENTRIES),
    "mlflow": ("ledger/*", "models/*", "registry/*"),
    "keras": ("training/*", "models/artefact*", "ledger/modelfile.py"),
    "tensorflow": ("training/*",),
    "jax": ("training/*",),
    "keras_tuner": ("search/oracle.py", "search/others.py"),
    "ray": ("compute/ray*.py",),
    "plotly": ("figures/*",),
    "sklearn": ("data/*", "evaluation/*", "models/*", "estimators.py"),
    "skops": ("models/*",),
    # Nothing that a store or a data file holds is ever executed.
    **dict.fromkeys(("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"), ()),
}

# The capacity search is a pure core: numbers in, a proposal out; no clock, no chance, no files.
CORE = [
    path
    for path in FILES
    if path.is_relative_to(PIPELINE / "search") and path.name not in {"oracle.py", "others.py"}
]
CORE_IMPORTS = {
    "__future__", "collections", "dataclasses", "enum", "functools", "hashlib", "itertools", "math",
    "numpy", "pipeline", "statistics", "typing",
}  # fmt: skip

# Pure as well, but for the frameworks that their functions import late.
LATE_FRAMEWORKS = ("training/families/*", "training/planner.py")
FRAMEWORKS = {"keras", "tensorflow", "jax", "keras_tuner", "mlflow", "ray"}

MOST_LINES = 300


@dataclass(frozen=True)
class Import:
    """One import of one module, as it stands in a file."""

    path: Path
    line: int
    module: str
    late: bool
    """Inside a function: it costs nothing until the function runs."""
    for_types: bool
    """Under `if TYPE_CHECKING:`: it never runs."""

    @property
    def top(self) -> str:
        """Return the distribution's import name."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        """Name the place as an editor does."""
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


@functools.cache
def imports_of(path: Path) -> list[Import]:
    """Read every import of a file, late ones and `import_module("...")` included."""
    found: list[Import] = []

    def visit(node: ast.AST, *, late: bool, for_types: bool) -> None:
        found.extend(
            Import(path, node.lineno, module, late, for_types) for module in _modules(node, path)
        )
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, late=late, for_types=True)
            for child in node.orelse:
                visit(child, late=late, for_types=for_types)
            return
        for child in ast.iter_child_nodes(node):
            visit(child, late=late, for_types=for_types)

    visit(ast.parse(path.read_text(encoding="utf-8")), late=False, for_types=False)
    return found


def _modules(node: ast.AST, path: Path) -> list[str]:
    """Return what one statement or call imports, as absolute names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = list(path.relative_to(ROOT).parts[:-1])
        base = package[: len(package) - node.level + 1] if node.level else []
        origin = ".".join([*base, *([node.module] if node.module else [])])
        # `from pipeline.search import decide` may name a module: keep the longer name as well.
        return [
            origin,
            *(f"{origin}.{alias.name}" for alias in node.names if _is_module(origin, alias.name)),
        ]
    if (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("import_module")
        and node.args
    ):
        name = node.args[0]
        return (
            [name.value] if isinstance(name, ast.Constant) and isinstance(name.value, str) else []
        )
    return []


def _is_module(origin: str, name: str) -> bool:
    place = ROOT.joinpath(*origin.split("."), name)
    return origin.partition(".")[0] == "pipeline" and (
        place.is_dir() or place.with_suffix(".py").is_file()
    )


# Read by the tests alone: every worker of a run imports this file, and the whole house takes seconds to read.
graph = functools.cache(functools.partial(house.imports, ROOT))


@functools.cache
def arrows() -> set[tuple[str, str]]:
    """Return which room imports which."""
    return set(house.arrows(graph()))


def room_of(path: Path) -> str:
    """Return the folder of a file at the top of pipeline/; `entry` for what stands beside the rooms."""
    parts = path.relative_to(PIPELINE).parts
    return parts[0] if len(parts) > 1 else "entry"


def owns(path: Path, patterns: tuple[str, ...]) -> bool:
    """Return whether a file is one of those named."""
    name = path.relative_to(PIPELINE).as_posix()
    return any(fnmatch(name, pattern) for pattern in patterns)


def test_no_room_knows_a_later_one() -> None:
    """Data flows one way; an import for types alone is knowledge too."""
    later = [pair for pair in arrows() if ORDER.index(pair[1]) > ORDER.index(pair[0])]
    assert later == []


def test_beside_the_rooms_stand_entry_points_alone() -> None:
    """Every other file is in a room, and every room says in its `__init__` what it is for."""
    loose = {path.stem for path in PIPELINE.glob("*.py")} - {"__init__"}
    assert loose == set(house.ENTRIES)
    for room in ORDER[:-1]:
        assert (
            len(ast.get_docstring(ast.parse((PIPELINE / room / "__init__.py").read_text())) or "")
            > 40
        )


def test_no_files_import_each_other_in_a_circle() -> None:
    """Also not for types: whoever reads one would have to read all."""
    assert house.circles(graph()) == []


@pytest.mark.parametrize("framework", OWNERS)
def test_a_framework_stays_in_its_room(framework: str) -> None:
    """One room per framework: exchanging one touches one room."""
    strangers = [
        str(found)
        for path in FILES
        for found in imports_of(path)
        if found.top == framework and not owns(found.path, OWNERS[framework])
    ]
    assert strangers == []


def test_the_search_core_is_pure() -> None:
    """No clock, no random numbers, no framework: the same finished fits give the same proposal."""
    impure = [
        str(found)
        for path in CORE
        for found in imports_of(path)
        if found.top not in CORE_IMPORTS and not found.for_types
    ]
    assert impure == []


def test_families_and_planner_import_frameworks_late() -> None:
    """`plan` counts parameters and stacks without TensorFlow."""
    early = [
        str(found)
        for path in FILES
        for found in imports_of(path)
        if owns(found.path, LATE_FRAMEWORKS)
        and found.top in FRAMEWORKS
        and not found.late
        and not found.for_types
    ]
    assert early == []


def test_entry_points_start_without_a_framework() -> None:
    """What importing an entry point imports in turn names no TensorFlow, MLflow or pandas."""
    heavy = FRAMEWORKS | {"pandas", "sklearn", "skops", "plotly", "pyarrow", "scipy"}
    waiting = [PIPELINE / entry for entry in ENTRIES if (PIPELINE / entry).exists()]
    seen, slow = set(waiting), []
    while waiting:
        for found in imports_of(waiting.pop()):
            if found.late or found.for_types:
                continue
            if found.top in heavy:
                slow.append(str(found))
            new = _files_of(found.module) - seen
            seen |= new
            waiting += new
    assert slow == []


def _files_of(module: str) -> set[Path]:
    """Return the files that importing a module of ours runs: its own and its packages' `__init__`."""
    parts = module.split(".")
    if parts[0] != "pipeline":
        return set()
    places = [ROOT.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    files = {place / "__init__.py" for place in places} | {places[-1].with_suffix(".py")}
    return {path for path in files if path.is_file()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PIPELINE).as_posix())
def test_a_file_has_one_job(path: Path) -> None:
    """A file says its job first, fits in a sitting, and its name is not a drawer for leftovers."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MOST_LINES
    assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager"}


def test_nothing_is_called_a_manager() -> None:
    """A class that manages has not been given a job."""
    managers = [
        f"{path.name}: {node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Manager")
    ]
    assert managers == []


def test_entry_points_define_no_classes() -> None:
    """Their code runs as `__main__`: a class defined there would exist twice."""
    classes = [
        f"{entry}: {node.name}"
        for entry in ENTRIES
        if (PIPELINE / entry).exists()
        for node in ast.walk(ast.parse((PIPELINE / entry).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert classes == []


def test_the_picture_of_the_house_is_the_house() -> None:
    """docs/architecture.md: every arrow drawn is an import, and every import follows from those drawn."""
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", plan, re.MULTILINE))
    assert drawn <= arrows()
    rooms: dict[str, set[str]] = {room: set() for room in ORDER}
    for start, end in drawn:
        rooms[start].add(end)
    follows = {(room, other) for room in rooms for other in house.reached(rooms, room)}
    assert arrows() - follows == set()
    assert set(re.findall(r"^\| `(\w+)` \| ", plan, re.MULTILINE)) >= set(ORDER[:-1])


# One of the two is imported, whichever the backend is: they hold the same classes.
BACKENDS = {"on_jax.py", "on_tensorflow.py"}
STILL_TWICE = {"Column"}
"""Of a room that is being rewritten; to be emptied, never to grow."""


def _classes(path: Path) -> set[str]:
    """Return the names of the classes of a file, such as are made by calling an enum included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "StrEnum"
        ):
            names.add(ast.unparse(node.targets[0]))
    return names


def test_one_class_name_stands_for_one_thing() -> None:
    """Whoever reads a name knows which class is meant, in whatever room."""
    places: dict[str, list[str]] = {}
    for path in FILES:
        for name in _classes(path):
            places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    twice = {
        name: paths
        for name, paths in places.items()
        if len(paths) > 1 and {Path(path).name for path in paths} != BACKENDS
    }
    assert twice.keys() <= STILL_TWICE, twice


@pytest.mark.parametrize(
    "path",
    sorted(path for folder in ("benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")),
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_what_is_imported_of_the_product_exists(path: Path) -> None:
    """A renamed function is seen in a second: no test runs most benchmarks, and all tests take minutes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("pipeline."):
            missing = {alias.name for alias in node.names} - _defined(str(node.module))
            assert not missing, (
                f"line {node.lineno}: {node.module} has no {', '.join(sorted(missing))}"
            )


@functools.cache
def _defined(module: str) -> frozenset[str]:
    """Return the names that a module of the product defines or imports, and the modules in it."""
    place = ROOT.joinpath(*module.split("."))
    file = place.with_suffix(".py")
    source = file if file.exists() else place / "__init__.py"
    names = {path.stem for path in place.glob("*")}
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)
