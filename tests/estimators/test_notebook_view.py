"""The cell of a notebook while a sweep runs."""

from __future__ import annotations

import math
import re

from pipeline.core.records import Outcome
from pipeline.figures.inline import CapacityScore, capacity_svg
from pipeline.terminal.notebook import cell, in_notebook
from pipeline.terminal.picture import Picture

POINTS = [
    CapacityScore("1x32", 400, 0.5),
    CapacityScore("1x8", 100, 0.9),
    CapacityScore("2x32", 1500, 0.45),
    CapacityScore("3x8", 300, math.nan),
]


def test_a_larger_network_stands_further_right_and_a_better_one_lower() -> None:
    """A point without a score is left out; the marked one is labelled."""
    drawn = capacity_svg(POINTS, "2x32")
    places = {
        label: (int(x), int(y))
        for x, y, label in re.findall(r'cx="(\d+)" cy="(\d+)"[^>]*><title>(\w+):', drawn)
    }
    assert list(places) == ["1x8", "1x32", "2x32"]
    assert places["1x8"][0] < places["1x32"][0] < places["2x32"][0]
    assert places["1x8"][1] < places["1x32"][1] < places["2x32"][1]  # SVG counts down the page
    assert ">2x32 0.4500</text>" in drawn


def test_a_standard_error_is_a_line_through_its_point() -> None:
    """As long as the error is, where it is known; the picture has room for it."""
    drawn = capacity_svg([CapacityScore("1x8", 100, 0.9, 0.1), *POINTS[2:3]], "2x32")
    (first, second) = re.findall(r'd="M\d+ (\d+)V(\d+)"', drawn)
    assert int(first[0]) > int(first[1])
    assert second[0] == second[1]


def test_one_capacity_is_no_picture() -> None:
    """Nor is none."""
    assert capacity_svg(POINTS[:1], "1x32") == capacity_svg([], "") == ""


def test_text_of_the_data_is_escaped() -> None:
    """A name may hold what HTML would run."""
    picture = Picture(title="sweep <script>", phase="<i>", decision="a < b")
    picture.outcomes[Outcome.completed] = 1
    for html in (
        cell(picture, picture.head(3.0), picture.lines()),
        cell(picture, "", {"answer": "<i>"}),
        cell(picture, "<i>", {}),
    ):
        assert "<script>" not in html
        assert "<i>" not in html
        assert "a < b" not in html


def test_a_test_is_no_notebook() -> None:
    """Only a kernel has a cell."""
    assert not in_notebook()
