"""The official JSON schemas of the standards, from the packages that carry them: no network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError

from dagster_project.contracts.document import Document, Keys, Problem

ODCS = "Open Data Contract Standard 3.2.0"
ODPS = "Open Data Product Standard 1.1.0"
SCHEMAS = {
    ODCS: ("open_data_contract_standard", "schema.json", "v3.2.0"),
    ODPS: ("dataproduct", "schemas/odps-1.1.0.schema.json", "v1.1.0"),
}
UNKNOWN_KEYS = ("additionalProperties", "unevaluatedProperties")


def find_problems(
    document: Document, standard: str, own: Callable[[Document], list[Problem]]
) -> list[Problem]:
    """What in a document is not as its standard, and not as our own rules have it.

    Our rules look at what is left without the values that break the standard, so that all problems
    are told at once; where too little is left, the standard's are told first.
    """
    found = standard_problems(document, standard)
    rest = document.without(found)
    return [*found, *(_untouched(own(rest), found) if rest is not None else ())]


def _untouched(problems: list[Problem], others: Iterable[Problem]) -> list[Problem]:
    """Problems that are not about the same value as others, its members or what holds it."""
    return [
        problem
        for problem in problems
        if not any(
            problem.keys[: len(other.keys)] == other.keys[: len(problem.keys)] for other in others
        )
    ]


@lru_cache(maxsize=100)
def standard_problems(document: Document, standard: str) -> tuple[Problem, ...]:
    """What in a document is not as its standard has it, unknown keys included."""
    version = SCHEMAS[standard][2]
    if document.value.get("apiVersion") != version:
        found = document.value.get("apiVersion", "nothing")
        remedy = f"write apiVersion: {version}"
        return (document.problem(("apiVersion",), f"{version} ({standard})", found, remedy),)
    errors = list(_validator(standard).iter_errors(document.value))
    plain = [error for error in errors if error.validator not in UNKNOWN_KEYS]
    problems = [_plain_problem(document, error) for error in plain]
    broken = {tuple(error.absolute_path) for error in plain}
    for error in errors:
        if error.validator in UNKNOWN_KEYS:
            keys: Keys = tuple(error.absolute_path)
            is_sure = not any(other[: len(keys)] == keys for other in broken)
            problems += [
                document.problem(
                    (*keys, key),
                    f"a key of the {standard}",
                    f"the unknown key {key!r}",
                    "correct its name, move it to where it belongs, or remove it",
                )
                for key in _unknown(error)
                # A value that breaks a rule makes the validator doubt its neighbours, too.
                if is_sure or key not in _known_keys(standard)
            ]
    return tuple(dict.fromkeys(problems))


def _plain_problem(document: Document, error: ValidationError) -> Problem:
    keys: Keys = tuple(error.absolute_path)
    told = _deepest(error)
    if told.validator == "required":
        missing = re.match(r"'(.+)' is a required property", told.message)  # an error for each key
        if missing:
            return document.missing(tuple(told.absolute_path), missing.group(1))
    expected = {
        "type": lambda: f"a value of type {told.validator_value}",
        "enum": lambda: f"one of {', '.join(map(str, told.validator_value))}",
        "const": lambda: str(told.validator_value),
        "pattern": lambda: f"a text like {told.validator_value}",
    }.get(str(told.validator), lambda: f"what the standard asks ({told.message[:200]})")()
    if told is not error:
        keys = tuple(told.absolute_path)
    return document.problem(keys, expected, told.instance, "write such a value")


def _deepest(error: ValidationError) -> ValidationError:
    """Of alternatives that all fail, the failure that got furthest: the one that was meant."""
    while error.context and error.validator in ("anyOf", "oneOf"):
        deeper = max(error.context, key=lambda branch: len(branch.absolute_path))
        if len(deeper.absolute_path) <= len(error.absolute_path):
            break
        error = deeper
    return error


def _unknown(error: ValidationError) -> list[str]:
    listed = re.search(r"\((.*) (?:was|were) unexpected\)", error.message, re.DOTALL)
    named = re.findall(r"'([^']*)'", listed.group(1)) if listed else []
    return [key for key in named if key in error.instance]


@cache
def _validator(standard: str) -> Draft201909Validator:
    package, path, _ = SCHEMAS[standard]
    schema = json.loads((files(package) / path).read_text(encoding="utf-8"))
    return Draft201909Validator(schema)


@cache
def _known_keys(standard: str) -> frozenset[str]:
    return frozenset(_properties(_validator(standard).schema))


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for value in schema.values():
            yield from _properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value)
