"""A report's page as a reader of HTML sees it: its tags, its text, and the numbers that it marks."""

import html.parser
from typing import Any


class ReadPage(html.parser.HTMLParser):
    """What an independent parser finds in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.numbers: set[float] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "data":
            self.numbers.add(float(dict(attrs)["value"] or ""))

    def handle_data(self, data: str) -> None:
        self.text += data


def numbers_in(value: Any) -> set[float]:
    """Return all numbers in plain data."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {number for one in value for number in numbers_in(one)}
    return {float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else set()
