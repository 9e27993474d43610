"""Markdown as HTML that is safe to show: no raw HTML, no picture, no link that leads nowhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

LEVELS_DOWN = 2
LOWEST_HEADING = 6


def to_html(text: str, links: Mapping[str, str] | None = None) -> Markup:
    """Render Markdown to stand below a second-level heading.

    Args:
        text: the Markdown; HTML in it is shown as text.
        links: where relative links lead in the site; any other relative link becomes plain text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.add_render_rule("table_open", _scroll_open)
    parser.add_render_rule("table_close", _scroll_close)
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            level = min(int(token.tag[1]) + LEVELS_DOWN, LOWEST_HEADING)
            token.tag = f"h{level}"
        if token.children:
            token.children = _linked(token.children, links or {})
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _linked(tokens: Sequence[Token], links: Mapping[str, str]) -> list[Token]:
    """The tokens with relative links led to where the site has them, or without the link."""
    kept: list[Token] = []
    dropped: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            target = _target(str(token.attrGet("href") or ""), links)
            dropped.append(target is None)
            if target is None:
                continue
            token.attrSet("href", target)
            token.attrSet("rel", "noreferrer")
        elif token.type == "link_close" and dropped.pop():
            continue
        kept.append(token)
    return kept


def _target(href: str, links: Mapping[str, str]) -> str | None:
    return href if is_absolute(href, ("http", "https", "mailto")) else links.get(href)


def is_absolute(href: str, schemes: Collection[str]) -> bool:
    """Whether a link starts with one of some schemes."""
    return href.partition(":")[0].lower() in schemes and ":" in href


def _scroll_open(
    _: RendererHTML, tokens: Sequence[Token], position: int, options: Any, environment: Any
) -> str:
    del tokens, position, options, environment
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table">\n<table>\n'


def _scroll_close(
    _: RendererHTML, tokens: Sequence[Token], position: int, options: Any, environment: Any
) -> str:
    del tokens, position, options, environment
    return "</table>\n</div>\n"
