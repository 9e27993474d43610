"""What other declarations name of a contract, also of one that has problems of its own.

Products, ports and models are held against it, so that all problems are told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.contracts.contract_problems import END_OF_LIFE, major_of
from dagster_project.contracts.document import Document, Keys, Problem
from dagster_project.contracts.table import custom_properties


@dataclass(frozen=True)
class Outline:
    """A contract as far as it can be relied on; what is wrong or missing in it is None.

    Attributes:
        document: where it was read.
        major: the version that its file and tables carry in their name.
        id: what ports name it by.
        version: such as 1.4.0.
        domain: who owns it, as a dbt group.
        owner: e-mail address of the owner.
        relations: its tables, in the order of the file.
        ending: tables whose end of life is announced; an empty name stands for all.
        dbt_tests: hand-written tests that its rules name, with the way to each rule.
    """

    document: Document
    major: str
    id: str | None
    version: str | None
    domain: str | None
    owner: str | None
    relations: tuple[str, ...] | None
    ending: frozenset[str] | None
    dbt_tests: tuple[tuple[Keys, str], ...]

    @property
    def file(self) -> Path:
        """Where it was read."""
        return self.document.file

    def announces_end_of(self, relation: str) -> bool | None:
        """Whether a table has an end of life; None where that cannot be told."""
        if self.ending is None or self.relations is None:
            return None
        return relation in self.relations and not self.ending.isdisjoint(("", relation))


def outline_of(document: Document, problems: Sequence[Problem]) -> Outline:
    """The outline of a contract with these problems."""
    tables = _members(document.value, "schema")
    names = [_text(document, ("schema", at, "name"), problems) for at, _ in enumerate(tables)]
    known = tuple(name for name in names if name is not None)
    return Outline(
        document=document,
        major=major_of(document),
        id=_text(document, ("id",), problems),
        version=_text(document, ("version",), problems),
        domain=_text(document, ("domain",), problems),
        owner=_owner(document, problems),
        relations=known if known and len(known) == len(names) else None,
        ending=_ending(document, problems),
        dbt_tests=tuple(_dbt_tests(document, problems)),
    )


def _text(document: Document, keys: Keys, problems: Sequence[Problem]) -> str | None:
    """A text that no problem is about."""
    try:
        value = document.at(keys)
    except (KeyError, IndexError, TypeError):
        return None
    is_wrong = any(
        problem.keys and problem.keys == keys[: len(problem.keys)] for problem in problems
    )
    return value if isinstance(value, str) and not is_wrong else None


def _owner(document: Document, problems: Sequence[Problem]) -> str | None:
    members = _members(document.value.get("team"), "members")
    for at, member in enumerate(members):
        if isinstance(member, dict) and member.get("role") == "owner":
            return _text(document, ("team", "members", at, "username"), problems)
    return None


def _ending(document: Document, problems: Sequence[Problem]) -> frozenset[str] | None:
    ending = set()
    for at, promise in enumerate(_members(document.value, "slaProperties")):
        if not isinstance(promise, dict) or promise.get("property") != END_OF_LIFE:
            continue
        way = ("slaProperties", at, "element")
        element = _text(document, way, problems) if "element" in promise else ""
        if element is None:
            return None
        ending.add(element.split(".")[0])
    return frozenset(ending)


def _dbt_tests(document: Document, problems: Sequence[Problem]) -> Iterator[tuple[Keys, str]]:
    for position, table in enumerate(_members(document.value, "schema")):
        for item, _ in enumerate(_members(table, "quality")):
            keys: Keys = ("schema", position, "quality", item)
            if not any(problem.keys[: len(keys)] == keys for problem in problems):
                named = custom_properties(document.at(keys)).get("dbtTest")
                if named is not None:
                    yield (*keys, "customProperties"), str(named)


def _members(value: Any, key: str) -> list[Any]:
    """The list under a key; empty where there is none."""
    members = value.get(key) if isinstance(value, dict) else None
    return members if isinstance(members, list) else []
