"""What became of each column of the table: one list, from which every face draws.

The plan, the end of a sweep, `summary.json`, the report and the notebook all show these facts; the
override that changes a judgement stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from pipeline.core.names import Input
from pipeline.data.judged import Judged, setting
from pipeline.data.panels import Subjects
from pipeline.data.roles import REASONS
from pipeline.data.typed import Kind

TARGET = "target"
"""The kind of the column that is predicted."""
SHOWN_PARTS = 5
MOST_SAID = 12
"""Lines of a log that speak of columns; the report has them all."""
MOST_RECORDED = 2000
"""Columns that `summary.json` lists; those that need attention are always among them."""


class Attention(StrEnum):
    """Whether a person should look at a column, the gravest first."""

    severe = "severe"
    """It makes every score doubtful: it probably gives the target away, or parts what belongs together."""
    dropped = "dropped"
    """Left out by a rule, not by the configuration."""
    doubted = "doubted"
    """Kept, but it may be something else."""
    assumed = "assumed"
    """Read by an assumption."""
    none = "none"


@dataclass(frozen=True)
class ColumnFact:
    """One column of the table: what it was taken for, and what a network sees of it."""

    name: str
    kind: str
    """number, boolean, category, date, pixel or image; or `target`."""
    used: bool
    """Whether a network sees it."""
    inputs: tuple[str, ...] = ()
    """What it becomes, by name, in the encoding `standard`; empty for an image file."""
    attention: Attention = Attention.none
    reason: str = ""
    """Why it is left out."""
    note: str = ""
    """By what assumption it was read, or what is doubtful: a sentence."""
    hint: str = ""
    """The override that changes the judgement: `data.keep=['id']`."""

    @property
    def what(self) -> str:
        """What became of it, in a few words: `left out: constant`, `4 inputs: year, month, ...`."""
        if not self.used:
            told = self.kind == TARGET or self.reason.startswith("left out")
            return self.reason if told else f"left out: {self.reason}"
        if self.kind == Kind.image:
            return "is the input"
        parts = [part.removeprefix(self.name).strip(" ,=()") or "value" for part in self.inputs]
        parts = [" ".join(part.split()) for part in parts]  # a level may hold line breaks
        shown = ", ".join(parts[:SHOWN_PARTS]) + (", ..." if len(parts) > SHOWN_PARTS else "")
        many = f"{len(parts)} inputs"
        return (
            "1 input"
            if len(parts) == 1
            else many
            if self.kind == Kind.pixel
            else f"{many}: {shown}"
        )

    @property
    def sentence(self) -> str:
        """What to say of it where only what needs attention is said."""
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
        inputs: Of the standard encoding.
        subjects: What repeats, if anything does.
        leaked: Columns that tell the target alone, with what was seen.
    """
    named: dict[str, list[str]] = {}
    for entry in inputs:
        named.setdefault(entry.column, []).append(entry.name)
    facts = [_fact(judged, tuple(named.get(judged.column.name, ()))) for judged in judgements]
    pixels = [fact.name for fact in facts if fact.kind == Kind.pixel]
    facts = [fact for fact in facts if fact.kind != Kind.pixel]
    if pixels:
        facts.append(
            ColumnFact(f"{pixels[0]} ... {pixels[-1]}", Kind.pixel, used=True, inputs=tuple(pixels))
        )
    if subjects is not None:
        place = next(i for i, fact in enumerate(facts) if fact.name == subjects.column)
        note = subjects_note(subjects)
        facts[place] = replace(facts[place], attention=Attention.severe, note=note, hint="")
    single = sum(fact.used for fact in facts) == 1
    for name, seen in leaked.items():
        place = next(place for place, fact in enumerate(facts) if fact.name == name)
        facts[place] = _leaked(facts[place], seen, single=single)
    return facts


def target_fact(name: str, task: str, doubt: str = "") -> ColumnFact:
    """Return the fact of the column to predict; `task` in words, and why no score of it is to be trusted."""
    urgency = Attention.severe if doubt else Attention.none
    reason = f"is predicted ({task})"
    return ColumnFact(name, TARGET, used=False, attention=urgency, reason=reason, note=doubt)


def _fact(judged: Judged, inputs: tuple[str, ...]) -> ColumnFact:
    """Return the fact of one judgement."""
    column = judged.column
    fact = ColumnFact(
        column.name,
        column.kind,
        column.used,
        inputs,
        reason=judged.reason,
        note=judged.note,
        hint=judged.hint,
    )
    if _is_dropped(judged):
        return replace(fact, attention=Attention.dropped)
    if judged.is_doubted:
        return replace(fact, attention=Attention.doubted)
    return replace(fact, attention=Attention.assumed) if judged.note else fact


def _leaked(fact: ColumnFact, seen: str, *, single: bool) -> ColumnFact:
    """Return the fact of a column that tells the target alone; the only one is never to be dropped."""
    asked = f"Column {fact.name!r} may give the target away: {seen}."
    asked += " Is it known before the target is?"
    if single:
        return replace(fact, attention=Attention.doubted, note=asked, hint="")
    note = f"{asked} If not, leave it out: {setting('drop', fact.name)}"
    return replace(fact, attention=Attention.severe, note=note, hint="")


def subjects_note(subjects: Subjects) -> str:
    """Return what to say of a column whose values are subjects with several rows each, or times."""
    name = subjects.column
    rows, known, others = (
        ("with the same", f"known {name!r}", "have others")
        if subjects.key == "group"
        else ("next to each other in", "times in between", "are later")
    )
    return (
        f"Rows {rows} {name!r} are nearly alike and stand on both sides of the split: "
        f"{subjects.seen}. Scores then hold for {known} only. If rows to come {others}, say "
        f"{setting(subjects.key, name, listed=False)}"
    )


def column_notes(judgements: Sequence[Judged], subjects: Subjects | None) -> Iterator[str]:
    """Yield what is assumed or doubtful of columns, and how to keep those that a rule left out."""
    yield from (judged.sentence for judged in judgements if judged.note)
    by_rule = [judged.column.name for judged in judgements if _is_dropped(judged)]
    if by_rule:
        yield f"Columns left out by rule ({', '.join(by_rule)}) are kept where data.keep names them."
    if subjects is not None:
        yield subjects_note(subjects)


def _is_dropped(judged: Judged) -> bool:
    """Return whether a rule left a column out, not the configuration."""
    return bool(judged.reason) and judged.reason not in REASONS.values()


def attention(facts: Sequence[ColumnFact]) -> list[ColumnFact]:
    """Return the facts that a person should see, the gravest first, else in the table's order."""
    order = list(Attention)
    seen = [fact for fact in facts if fact.attention is not Attention.none]
    return sorted(seen, key=lambda fact: order.index(fact.attention))


def recorded(facts: Sequence[ColumnFact]) -> list[dict[str, Any]]:
    """Return facts as `summary.json` keeps them; of a very wide table not all."""
    if len(facts) > MOST_RECORDED:
        urgent = set(attention(facts)[:MOST_RECORDED])
        others = [fact for fact in facts if fact not in urgent][: MOST_RECORDED - len(urgent)]
        kept = urgent | set(others)
        facts = [fact for fact in facts if fact in kept]
    return [asdict(fact) | {"what": fact.what} for fact in facts]


def said(facts: Sequence[ColumnFact]) -> list[str]:
    """Return what to say of the columns at the end of a log: a few lines, the gravest first."""
    lines = [fact.sentence for fact in attention(facts)]
    if len(lines) > MOST_SAID:
        lines[MOST_SAID - 1 :] = [f"... {len(lines) - MOST_SAID + 1} more columns in report.html"]
    return lines
