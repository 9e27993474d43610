"""A descriptor as YAML that knows its lines, and the problems that are found in it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from dagster_project.declaration import DeclarationError

Keys = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

NAMES = ("name", "property", "role", "channel", "username", "server", "id")
"""Keys whose value names a member of a list in an error, the first that is there."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a date stays the text it is in JSON, which the official schemas are about."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Problem:
    """Something in a descriptor that is not what it must be.

    Attributes:
        file: the descriptor.
        line: where, counted from 1.
        field: the way to the value, such as `schema[daily_sales_v1].properties[sold_on]`.
        finding: what was expected, what was found, and what to do.
        keys: the same way as `field`, for machines.
    """

    file: Path
    line: int
    field: str
    finding: str
    keys: Keys = ()

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.file}:{self.line}: {self.field or 'the document'}: {self.finding}"


@dataclass(frozen=True, eq=False)
class Document:
    """A YAML file with the line of each of its values; each is its own, to be remembered by.

    Attributes:
        file: where it was read.
        value: what it holds; always a mapping.
        lines: the line of each value, by the way to it.
    """

    file: Path
    value: dict[str, Any]
    lines: dict[Keys, int]

    def problem(self, keys: Keys, expected: str, found: Any, remedy: str) -> Problem:
        """A problem of the value that these keys lead to, or would lead to."""
        known = keys
        while known and known not in self.lines:
            known = known[:-1]
        shown = found if isinstance(found, str) else repr(found)
        if len(shown) > 200:
            shown = f"{shown[:200]} …"
        finding = f"expected {expected}, found {shown}. To mend it, {remedy}."
        return Problem(self.file, self.lines.get(known, 1), self.field(keys), finding, keys)

    def missing(self, keys: Keys, key: str) -> Problem:
        """The problem of a key that must be there and is not."""
        return self.problem((*keys, key), f"the key {key!r}", "nothing", f"write {key}: …")

    def without(self, problems: Iterable[Problem]) -> Document | None:
        """The document without the values that have problems; None if it makes no sense then.

        A key of the whole document may be missing; who looks for it says so, too.
        """
        value = copy.deepcopy(self.value)
        for problem in problems:
            *way, key = problem.keys or ("",)
            holder = Document(self.file, value, {}).at(tuple(way))
            is_missing = not isinstance(holder, dict) or key not in holder
            if way and (is_missing or key in (*NAMES, "value")):
                return None
            holder.pop(key, None)
        return Document(self.file, value, self.lines)

    def at(self, keys: Keys) -> Any:
        """The value that these keys lead to."""
        value: Any = self.value
        for key in keys:
            value = value[key]
        return value

    def field(self, keys: Keys) -> str:
        """The keys as a person writes them, members of lists by their name."""
        text, value = "", self.value
        for key in keys:
            member = _member(value, key)
            if isinstance(key, int):
                named = member if isinstance(member, dict) else {}
                text += f"[{next((named[name] for name in NAMES if name in named), key)}]"
            else:
                text += f".{key}"
            value = member
        return text.lstrip(".")


def read_document(file: Path) -> Document | Problem:
    """Read a descriptor; one that is no YAML mapping, or says a key twice, is a problem."""
    try:
        return parse(file, file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Problem(file, 1, "", "expected this file, found none. To mend it, write it.")
    except UnicodeDecodeError as error:
        return Problem(
            file, 1, "", f"expected text in UTF-8, found {error}. To mend it, save it so."
        )


@lru_cache(maxsize=100)
def parse(file: Path, text: str) -> Document | Problem:
    """Read the text of a descriptor; one that is no mapping, or says a key twice, is a problem."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        value = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return _no_yaml(file, line, error.problem or error.context)
    except (yaml.YAMLError, ValueError) as error:
        return _no_yaml(file, 1, error)
    finally:
        loader.dispose()
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        finding = "expected a mapping of keys to values. To mend it, write `key: value` lines."
        return Problem(file, 1, "", finding)
    lines: dict[Keys, int] = {}
    twice = _walk(node, (), lines)
    document = Document(file, value, lines)
    if twice is not None:
        keys, line = twice
        finding = "expected each key once, found it again. To mend it, remove one of the two."
        return Problem(file, line, document.field(keys), finding)
    return document


def _no_yaml(file: Path, line: int, found: Any) -> Problem:
    told = " ".join(str(found).split())
    return Problem(file, line, "", f"expected YAML, found {told}. To mend it, correct the line.")


def raise_problems(problems: Iterable[Problem]) -> None:
    """Tell all problems at once, a line each, in the order of files and lines.

    Raises:
        DeclarationError: there is at least one.
    """
    told = sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.field))
    if told:
        raise DeclarationError("\n".join(str(problem) for problem in told))


def _walk(node: yaml.Node, keys: Keys, lines: dict[Keys, int]) -> tuple[Keys, int] | None:
    """Note the line of each value; return a key that stands twice in one mapping, with its line."""
    lines.setdefault(keys, node.start_mark.line + 1)
    twice = None
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            way = (*keys, str(key.value))
            if way in lines:
                twice = twice or (way, key.start_mark.line + 1)
            lines[way] = key.start_mark.line + 1
            twice = _walk(value, way, lines) or twice
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            twice = _walk(value, (*keys, position), lines) or twice
    return twice


def _member(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return None
