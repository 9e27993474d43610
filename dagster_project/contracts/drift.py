"""What stands in the generated files against what the contracts say: a line for each difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagster_project.contracts.dbt_models import FOLDER, MARK
from dagster_project.contracts.document import Document, Keys, Problem, parse, read_document

SYNC = "run `meshcast contracts sync`, or change the contract if this is what is meant"
ABSENT = "nothing"


def drifted(files: Mapping[Path, str], project: Path) -> list[Problem]:
    """Where the dbt project differs from the generated files, with both values."""
    problems = []
    for path, text in files.items():
        found = read_document(project / path)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        expected = parse(project / path, text)
        assert isinstance(expected, Document)
        here = list(_differences(found, (), expected.value, found.value))
        if not here and found.file.read_text(encoding="utf-8") != text:
            here = [found.problem((), "the text that sync writes", "the same in other words", SYNC)]
        problems += here
    return problems + [
        Problem(file, 1, "", f"expected no such file, found one that no contract asks for: {SYNC}.")
        for file in left_over(files, project)
    ]


def left_over(files: Mapping[Path, str], project: Path) -> list[Path]:
    """Generated files of tables that no contract promises any more."""
    return [
        file
        for file in sorted((project / FOLDER).glob("*.yml"))
        if file.relative_to(project) not in files
        and file.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    ]


def _differences(document: Document, keys: Keys, expected: Any, found: Any) -> Iterator[Problem]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*expected, *found)):
            values = (item.get(key, ABSENT) for item in (expected, found))
            yield from _differences(document, (*keys, key), *values)
    elif _are_named(expected) and _are_named(found):
        wanted = {_name(item): item for item in expected}
        for position, item in enumerate(found):
            other = wanted.pop(_name(item), ABSENT)
            yield from _differences(document, (*keys, position), other, item)
        for name, item in wanted.items():
            yield document.problem(keys, f"{name} ({item})", ABSENT, SYNC)
        names = [[_name(item) for item in items] for items in (expected, found)]
        if names[0] != names[1] and set(names[0]) == set(names[1]):
            yield document.problem(keys, f"the order {names[0]}", f"{names[1]}", SYNC)
    elif expected != found:
        yield document.problem(keys, f"{expected!r} (the contract)", f"{found!r}", SYNC)


def _are_named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_name(item) for item in value)


def _name(item: Any) -> str | None:
    """What a member of a list is called: a column or model, a version, or a test."""
    if not isinstance(item, dict):
        return None
    if len(item) == 1 and isinstance(inner := next(iter(item.values())), dict):
        return f"{inner.get('name', next(iter(item)))}"
    name = item.get("name", item.get("v"))
    return None if name is None else str(name)
