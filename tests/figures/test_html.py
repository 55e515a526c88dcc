"""What stands in the data cannot break out of the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.figures.html import Html, element, json_block, raw


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
    seen = Reader(element("p", text, title=text))
    assert seen.tags == ["p"]
    assert "".join(seen.text) == text
    assert seen.attributes == [("title", text)]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_data_for_scripts_stays_data(text: str) -> None:
    """A string in a JSON block cannot end the script element, and comes back unchanged."""
    block = json_block("data", {"name": text})
    inside = block.removeprefix('<script type="application/json" id="data">')
    inside = inside.removesuffix("</script>")
    assert "<" not in inside
    assert json.loads(inside) == {"name": text}


def test_html_is_put_in_as_it_is() -> None:
    """Only what is Html already is not escaped again."""
    assert element("p", element("b", "x & y"), " < z") == "<p><b>x &amp; y</b> &lt; z</p>"
    assert isinstance(element("p"), Html)


def test_a_script_that_would_end_early_is_refused() -> None:
    """Our own assets are checked when the page is made."""
    with pytest.raises(AssertionError, match="must not contain"):
        raw("script", "const x = '</script>'")
