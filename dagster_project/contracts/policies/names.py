"""Names tell what a thing is, as docs and readers expect them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dagster_project.contracts.contract import Contract
from dagster_project.contracts.policies.violation import (
    EVERY_PRODUCT,
    Evidence,
    Policy,
    Violation,
)
from dagster_project.contracts.table import Column
from dagster_project.sources import ENTITIES

NAME = "names_tell_what_things_are"

SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
STAGING = re.compile(rf"stg_[a-z0-9]+(_[a-z0-9]+)*__({'|'.join(ENTITIES)})")

# Whether a promise was kept is called `met` wherever service levels are told.
WORDS_OF_THE_FIELD = frozenset({"met"})

# Parts of the full name of a staging model: project, staging, source, model.
OF_A_SOURCE = 4

# How the names of columns of a type start or end; what is named so is of no other type.
MARKS = {
    "date": (re.compile(r"\w+_on"), "a name that ends in _on"),
    "timestamp": (re.compile(r"\w+_at"), "a name that ends in _at"),
    "boolean": (re.compile(r"(is|has)_\w+"), "a name that starts with is_ or has_"),
}


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for product in evidence.products:
        if not SNAKE_CASE.fullmatch(product.name):
            yield _violation(
                product.name, product.folder.name, "words_like_these", product.name, "rename it"
            )
        for contract in product.contracts:
            yield from _of_contract(product.name, contract)
    for model in evidence.models():
        if model["fqn"][1] == "staging" and len(model["fqn"]) == OF_A_SOURCE:
            pattern, expected = STAGING, "stg_<source>__<entity>"
        else:
            pattern, expected = SNAKE_CASE, "words_like_these"
        if not pattern.fullmatch(model["name"]):
            yield _violation(
                EVERY_PRODUCT,
                model["original_file_path"],
                expected,
                model["name"],
                "rename the model and its file",
            )


def _of_contract(product: str, contract: Contract) -> Iterator[Violation]:
    for table in contract.tables:
        ending = f"_v{contract.major}"
        if not (table.relation.endswith(ending) and SNAKE_CASE.fullmatch(table.relation)):
            yield _violation(
                product,
                f"{contract.file.name}, {table.relation}",
                f"words_like_these{ending}",
                table.relation,
                "name the table after what it holds and the contract's major version",
            )
        for column in table.columns:
            yield from _of_column(product, f"{table.relation}.{column.name}", column)


def _of_column(product: str, place: str, column: Column) -> Iterator[Violation]:
    if not SNAKE_CASE.fullmatch(column.name):
        yield _violation(product, place, "words_like_these", column.name, "rename the column")
    for logical_type, (pattern, expected) in MARKS.items():
        is_named_so = pattern.fullmatch(column.name) is not None
        if column.name in WORDS_OF_THE_FIELD:
            continue
        if column.logical_type == logical_type and not is_named_so:
            yield _violation(
                product, place, f"{expected} for a {logical_type}", column.name, "rename the column"
            )
        elif is_named_so and column.logical_type != logical_type:
            yield _violation(
                product,
                place,
                f"a {logical_type}, as its name says",
                f"{column.logical_type}",
                "rename the column, or correct its type",
            )


def _violation(product: str, place: str, expected: str, found: str, remedy: str) -> Violation:
    return Violation(NAME, product, place, expected, found, remedy)


NAMES_TELL_WHAT_THINGS_ARE = Policy(
    NAME,
    "Tables end in _v<major>, dates in _on, moments in _at; booleans start with is_ or has_.",
    _violations,
)
