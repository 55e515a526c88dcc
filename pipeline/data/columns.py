"""Facts about each column of the table: kind, inputs, doubts, and the override that changes them.

The plan, the end of a sweep, `summary.json`, the report and the notebook all show these facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from pipeline.core.language import plural
from pipeline.core.names import Input
from pipeline.data.judged import Judged, setting
from pipeline.data.panels import Subjects
from pipeline.data.roles import REASONS
from pipeline.data.typed import Kind

TARGET = "target"
"""The kind of the column that is predicted."""
SHOWN_PARTS = 5
MOST_SAID = 12
"""Most lines at the end of a log on columns, and on the table; report and log have all."""
MOST_RECORDED = 2000
"""Most columns in `summary.json`; those that need attention come first."""


class Attention(StrEnum):
    """Whether a person should look at a column, the gravest first."""

    severe = "severe"
    """It makes every score doubtful: it probably leaks the target, or the split separates its groups."""
    dropped = "dropped"
    """Left out by a rule, not by the configuration."""
    doubted = "doubted"
    """Kept, but its kind is doubtful."""
    assumed = "assumed"
    """Its values were read by an assumption."""
    none = "none"


@dataclass(frozen=True)
class ColumnFact:
    """One column of the table: its kind, and the inputs that a network gets from it."""

    name: str
    kind: str
    """number, boolean, category, date, pixel or image; or `target`."""
    used: bool
    """Whether a network sees it."""
    inputs: tuple[str, ...] = ()
    """Names of its inputs in the encoding `standard`; empty for an image file."""
    attention: Attention = Attention.none
    reason: str = ""
    """Why it is left out."""
    note: str = ""
    """A sentence on the assumption it was read by, or on what is doubtful."""
    hint: str = ""
    """The override that changes the judgement: `data.keep=['id']`."""

    @property
    def what(self) -> str:
        """Its use as a short text: `left out: constant`, `4 inputs: year, month, ...`."""
        if not self.used:
            says_all = self.kind == TARGET or self.reason.startswith("left out")
            return self.reason if says_all else f"left out: {self.reason}"
        if self.kind == Kind.image:
            return "is the input"
        parts = [part.removeprefix(self.name).strip(" ,=()") or "value" for part in self.inputs]
        parts = [" ".join(part.split()) for part in parts]  # a level may hold line breaks
        count = plural(len(parts), "input")
        if len(parts) == 1 or self.kind == Kind.pixel:
            return count
        return f"{count}: {', '.join(parts[:SHOWN_PARTS])}{', ...' * (len(parts) > SHOWN_PARTS)}"

    @property
    def sentence(self) -> str:
        """A sentence on a column that needs attention, with the override that changes it."""
        text = self.note or f"Column {self.name!r} is left out ({self.reason})."
        return f"{text.rstrip('.')}; {self.hint} changes that." if self.hint else text


def column_facts(
    judgements: Sequence[Judged],
    inputs: Sequence[Input],
    subjects: Subjects | None,
    leaked: Mapping[str, str],
) -> list[ColumnFact]:
    """Return the facts of every column but the target, in the table's order.

    Pixel columns, which are all alike, are one fact.

    Args:
        inputs: Inputs of the standard encoding.
        subjects: The column of repeated subjects; None for none.
        leaked: Columns that leak the target, with the evidence.
    """
    named: dict[str, list[str]] = {}
    for entry in inputs:
        named.setdefault(entry.column, []).append(entry.name)
    pixels = tuple(item.column.name for item in judgements if item.column.kind is Kind.pixel)
    facts = {
        item.column.name: _fact(item, tuple(named.get(item.column.name, ())))
        for item in judgements
        if item.column.kind is not Kind.pixel
    }
    if pixels:
        name = f"{pixels[0]} ... {pixels[-1]}"
        facts[name] = ColumnFact(name, Kind.pixel, used=True, inputs=pixels)
    if subjects is not None:
        fact, note = facts[subjects.column], subjects_note(subjects)
        facts[fact.name] = replace(fact, attention=Attention.severe, note=note, hint="")
    single = sum(fact.used for fact in facts.values()) == 1
    for name, seen in leaked.items():
        facts[name] = _leaked(facts[name], seen, single=single)
    return list(facts.values())


def target_fact(name: str, task: str, doubt: str = "") -> ColumnFact:
    """Return the fact of the target; `task` as text, and `doubt` on all scores: empty for none."""
    urgency = Attention.severe if doubt else Attention.none
    reason = f"is predicted ({task})"
    return ColumnFact(name, TARGET, used=False, attention=urgency, reason=reason, note=doubt)


def _fact(judged: Judged, inputs: tuple[str, ...]) -> ColumnFact:
    """Return the fact of one judgement."""
    column = judged.column
    attention = Attention.assumed if judged.note else Attention.none
    if _is_dropped(judged):
        attention = Attention.dropped
    elif judged.is_doubted:
        attention = Attention.doubted
    about = (attention, judged.reason, judged.note, judged.hint)
    return ColumnFact(column.name, column.kind, column.used, inputs, *about)


def _leaked(fact: ColumnFact, seen: str, *, single: bool) -> ColumnFact:
    """Return the fact of a column that leaks the target; `single`: it is the only feature."""
    question = f"Column {fact.name!r} may give the target away: {seen}."
    question += " Is it known before the target is?"
    if single:
        return replace(fact, attention=Attention.doubted, note=question, hint="")
    note = f"{question} If not, leave it out: {setting('drop', fact.name)}"
    return replace(fact, attention=Attention.severe, note=note, hint="")


def subjects_note(subjects: Subjects) -> str:
    """Return a sentence on a column of repeated subjects, or of the times of a series."""
    name = subjects.column
    rows, known, others = (
        ("with the same", f"known {name!r}", "have others")
        if subjects.key == "group"
        else ("next to each other in", "times in between", "are later")
    )
    return (
        f"Rows {rows} {name!r} are nearly alike and stand on both sides of the split: "
        f"{subjects.seen}. Scores then hold for {known} only. If rows to come {others}, set "
        f"{setting(subjects.key, name, listed=False)}"
    )


def column_notes(judgements: Sequence[Judged], subjects: Subjects | None) -> Iterator[str]:
    """Yield notes on assumptions and doubts, on columns that a rule left out, and on subjects."""
    yield from (judged.sentence for judged in judgements if judged.note)
    by_rule = [judged.column.name for judged in judgements if _is_dropped(judged)]
    if by_rule:
        yield f"Columns left out by rule ({', '.join(by_rule)}) are kept where data.keep names them."
    if subjects is not None:
        yield subjects_note(subjects)


def _is_dropped(judged: Judged) -> bool:
    """Return whether a rule, not the configuration, left a column out."""
    return bool(judged.reason) and judged.reason not in REASONS.values()


def attention(facts: Sequence[ColumnFact]) -> list[ColumnFact]:
    """Return the facts that need attention, the gravest first, then in the table's order."""
    order = list(Attention)
    seen = [fact for fact in facts if fact.attention is not Attention.none]
    return sorted(seen, key=lambda fact: order.index(fact.attention))


def recorded(facts: Sequence[ColumnFact]) -> list[dict[str, Any]]:
    """Return facts as dictionaries for `summary.json`, at most MOST_RECORDED."""
    if len(facts) > MOST_RECORDED:
        urgent = set(attention(facts)[:MOST_RECORDED])
        others = [fact for fact in facts if fact not in urgent][: MOST_RECORDED - len(urgent)]
        kept = urgent | set(others)
        facts = [fact for fact in facts if fact in kept]
    return [asdict(fact) | {"what": fact.what} for fact in facts]


def said(facts: Sequence[ColumnFact]) -> list[str]:
    """Return a few lines on columns for the end of a log, the gravest first."""
    return few_of([fact.sentence for fact in attention(facts)], "columns in report.html")


def few_of(lines: Sequence[str], what: str) -> list[str]:
    """Return the first lines for the end of a log, at most MOST_SAID, and how many more of what there are."""
    if len(lines) <= MOST_SAID:
        return list(lines)
    return [*lines[: MOST_SAID - 1], f"... {len(lines) - MOST_SAID + 1} more {what}"]
