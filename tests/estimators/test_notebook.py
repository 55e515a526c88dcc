"""The notebook of the docs in a real kernel, and what an interrupt leaves."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.rare
MOST_BYTES = 200_000


def test_the_notebook_runs_and_stays_small(repo: Path, workplace: Path) -> None:
    """Every cell; the sweep leaves one cell of HTML with its answer, and nothing on stdout."""
    (workplace / "data").mkdir()
    shutil.copy(repo / "data" / "titanic_891_full.csv", workplace / "data")
    notebook = nbformat.read(repo / "docs" / "notebook.ipynb", as_version=4)
    for cell in notebook.cells:  # the same cells, whatever else the machine does
        cell.source = cell.source.replace('"budget.seconds": 60', '"budget.seconds": 600')
        cell.source = cell.source.replace("seconds=20", "seconds=10")
    NotebookClient(
        notebook, timeout=1500, kernel_name="python3", resources={"metadata": {"path": workplace}}
    ).execute()
    sweep = next(cell for cell in notebook.cells if "api.sweep" in cell.source)
    assert [output.output_type for output in sweep.outputs] == ["display_data"]
    html = sweep.outputs[0].data["text/html"]
    assert "answer" in html
    assert "<svg" in html
    assert len(nbformat.writes(notebook)) < MOST_BYTES


@pytest.fixture
def kernel(workplace: Path) -> Iterator[tuple[Any, Any]]:
    """Return a manager and a client of a kernel that runs in the workplace."""
    manager, client = start_new_kernel(cwd=str(workplace))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_an_interrupt_stops_the_sweep_and_says_how_to_go_on(kernel: Any) -> None:
    """As the terminal does; the kernel lives on."""
    manager, client = kernel
    code = "from pipeline import api\napi.sweep(training__epochs=100000, training__patience=99999)"
    asked = client.execute(code)
    while "round 0" not in str((message := client.get_iopub_msg(timeout=300))["content"]):
        assert message["msg_type"] != "error", message["content"]["evalue"]
    manager.interrupt_kernel()
    ended = reply(client, asked)
    assert ended["ename"] == "Interrupted"
    assert "resume=" in ended["evalue"]
    assert reply(client, client.execute("6 * 7"))["status"] == "ok"


def reply(client: Any, asked: str) -> dict[str, Any]:
    """Return what a kernel replied to a request; a slow one has replies to earlier ones waiting."""
    while (message := client.get_shell_msg(timeout=300))["parent_header"]["msg_id"] != asked:
        pass
    content: dict[str, Any] = message["content"]
    return content
