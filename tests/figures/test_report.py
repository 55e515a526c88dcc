"""`python -m pipeline.report` writes the page, or says in one message why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import report
from pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ledger.read import SweepRecord


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, record: SweepRecord) -> list[tuple[str | None, str]]:
    """Replace the ledger by one that knows every sweep; return what it was asked."""
    questions: list[tuple[str | None, str]] = []

    def read(uri: str | None, sweep: str) -> SweepRecord:
        questions.append((uri, sweep))
        return record

    monkeypatch.setattr("pipeline.session.report.read_sweep", read)
    return questions


def test_the_page_is_written_and_its_answer_printed(
    asked: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file, and one line with the first sentence."""
    target = tmp_path / "a=b.html"
    assert report.main(["sweep=latest", f"output={target}", "tracking.uri=sqlite:///x.db"]) == 0
    assert asked == [("sqlite:///x.db", "latest")]
    page = target.read_text()
    assert page.startswith("<!doctype html>")
    assert "Reproduce this sweep" in page
    assert capsys.readouterr().out.startswith(f"{target}: Use 2 hidden layers")


def test_several_sweeps_are_compared(
    asked: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids separated by commas, in their order, into comparison.html."""
    monkeypatch.chdir(tmp_path)
    assert report.main(["sweep=aa,bb,"]) == 0
    assert [sweep for _, sweep in asked] == ["aa", "bb"]
    page = (tmp_path / "comparison.html").read_text()
    assert "2 sweeps compared" in page
    assert "Settings that differ" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "sweep=... is missing"),
        (["sweep=,"], "names no sweep"),
        (["sweep=latest", "ouput=x"], "output"),
        (["sweep=latest", "output=missing/x.html"], "there is no folder"),
        (["sweep=latest", "output=."], "is a folder"),
    ],
)
def test_wrong_words_are_one_message(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong, before the store is read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said):
        report.main(words)


def test_a_store_without_sweeps_says_so(workplace: Path) -> None:
    """`latest` of nothing is a wrong word, not a crash."""
    with pytest.raises(ConfigError, match="no sweep yet"):
        report.main(["sweep=latest"])
