"""What a program can tell of an HTML page: its ids, links, headings, labels and text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "input", "br", "wbr", "hr", "img", "link", "circle", "rect", "path"}


class Page(HTMLParser):
    """One parsed page.

    Attributes:
        ids: of all elements.
        links: targets of all links and forms.
        headings: levels of all headings.
        fetched: addresses that a browser fetches by itself.
        labelled: ids that a label names.
        fields: ids of all fields that a person fills.
        open: elements that were not closed.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.fetched: list[str] = []
        self.labelled: list[str] = []
        self.fields: list[str] = []
        self.open: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        if tag in ("a", "form"):
            self.links.append(found.get("href") or found.get("action") or "")
        elif "href" in found:
            self.fetched.append(found["href"])
        self.fetched += [
            found[name] for name in ("src", "srcset", "data", "poster") if found.get(name)
        ]
        if tag in {f"h{level}" for level in range(1, 7)}:
            self.headings.append(int(tag[1]))
        if tag == "label":
            self.labelled.append(found.get("for", ""))
        if tag == "input":
            self.fields.append(found.get("id", ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag, f"</{tag}> closes another element"
