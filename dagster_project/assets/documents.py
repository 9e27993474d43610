"""The documents that are published with the data: Markdown from templates, filled from a run."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2


def render(template: str, **facts: Any) -> str:
    """Fill a template of `templates/` with facts; a fact that it names and is not given fails."""
    return _environment().get_template(template).render(facts)


def cell(text: object) -> str:
    """A text that stays in its cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # Markdown, not HTML: nothing is escaped for a browser here
        loader=jinja2.PackageLoader("dagster_project.assets"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = cell
    return environment
