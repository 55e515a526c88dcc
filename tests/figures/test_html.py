"""What stands in the data cannot break out of the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib import resources

from hypothesis import given
from hypothesis import strategies as st

from pipeline.figures.page import _templates


class Reader(HTMLParser):
    """Collects tags and text as a browser would see them."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text.append(data)


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs", "Cc"])))
def test_text_stays_text(text: str) -> None:
    """Whatever a child or an attribute says, a browser reads back the same words and no tag."""
    template = _templates().from_string('<p title="{{ text }}">{{ text }}</p>')
    seen = Reader(template.render(text=text))
    assert seen.tags == ["p"]
    assert "".join(seen.text) == text
    assert seen.attributes == [("title", text)]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_data_for_scripts_stays_data(text: str) -> None:
    """A string in a JSON block cannot end the script element, and comes back unchanged."""
    block = _templates().from_string("{{ value|json }}").render(value={"name": text})
    assert "<" not in block
    assert json.loads(block) == {"name": text}


def test_no_script_of_ours_would_end_early() -> None:
    """Scripts and styles are put into the page as they are."""
    for asset in resources.files("pipeline.figures").joinpath("assets").iterdir():
        if asset.name.endswith((".js", ".css")):
            assert "</" not in asset.read_text("utf-8")
