"""Released contracts: copies of what consumers were last promised, and what a change must bring."""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from dagster_project.contracts.changes import Change, changes
from dagster_project.contracts.contract import Contract, contract_of
from dagster_project.contracts.document import Document, Problem, read_document
from dagster_project.contracts.product import Product

RELEASED = "released"
CHANGELOG = "CHANGELOG.md"


def released_file(file: Path) -> Path:
    """Where the copy of a contract lies that was last released."""
    return file.parent / RELEASED / file.name


def release_problems(products: Iterable[Product], today: datetime.date) -> list[Problem]:
    """Changes since the last release that bring no version or changelog of their own."""
    problems: list[Problem] = []
    for product in products:
        for contract in product.contracts:
            problems += _contract_problems(contract, today)
        for copy in sorted((product.folder / RELEASED).glob("*.odcs.yaml")):
            problems += _gone(copy, product.folder / copy.name, today)
    return problems


def release(products: Iterable[Product]) -> list[Contract]:
    """Copy every contract that is new or has changed; return those that were copied."""
    copied = []
    for product in products:
        for contract in product.contracts:
            copy = released_file(contract.file)
            if not copy.exists() or copy.read_bytes() != contract.file.read_bytes():
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(contract.file, copy)
                copied.append(contract)
    return copied


def _contract_problems(contract: Contract, today: datetime.date) -> Iterator[Problem]:
    document = read_document(contract.file)
    assert isinstance(document, Document)
    copy = released_file(contract.file)
    if not copy.exists():
        yield from _changelog_problems(document, contract)
        return
    before = read_document(copy)
    if isinstance(before, Problem):
        yield before
        return
    if before.value == document.value:
        return
    old = contract_of(before)
    found = changes(old, contract, today)
    for change in found:
        if change.breaks == "consumer":
            yield _breaking_problem(document, contract, change)
    if _numbers(contract)[:2] <= _numbers(old)[:2]:
        told = "; ".join(change.told for change in found if change.breaks != "consumer")
        yield document.problem(
            ("version",),
            f"a minor version above {old.version}, which was released, since the contract changed"
            + (f" ({told})" if told else ""),
            contract.version,
            f"write version: {contract.major}.{_numbers(old)[1] + 1}.0 here and at its ports, and "
            f"a line about it in {CHANGELOG}",
        )
    else:
        yield from _changelog_problems(document, contract)


def _breaking_problem(document: Document, contract: Contract, change: Change) -> Problem:
    successor = f"contract_v{contract.major + 1}.odcs.yaml"
    keys: tuple[str | int, ...] = ()
    for name in change.path.split("."):
        keys = _deeper(document, keys, name)
    return document.problem(
        keys,
        f"nothing that breaks consumers of version {contract.major}",
        f"{change.told} (datacontract breaking, or a rule of ours)",
        f"put it back, or promise it in {successor} beside this one",
    )


def _deeper(document: Document, keys: tuple[str | int, ...], name: str) -> tuple[str | int, ...]:
    """The keys of a member, found by its name in a list; the same keys where there is none."""
    value = document.at(keys)
    if isinstance(value, dict):
        return (*keys, name) if name in value else keys
    if isinstance(value, list):
        for position, item in enumerate(value):
            if isinstance(item, dict) and name in (item.get("name"), item.get("property")):
                return (*keys, position)
    return keys


def _changelog_problems(document: Document, contract: Contract) -> Iterator[Problem]:
    file = contract.file.parent / CHANGELOG
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    section = re.search(
        rf"^## {re.escape(contract.version)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    if section is None or not re.search(r"^\* \S", section.group(1), re.MULTILINE):
        yield document.problem(
            ("version",),
            f"a heading `## {contract.version}` in {file} with a line `* …` below it",
            "none",
            "tell consumers what changed",
        )


def _gone(copy: Path, file: Path, today: datetime.date) -> Iterator[Problem]:
    document = read_document(copy)
    if file.exists() or isinstance(document, Problem):
        return
    old = contract_of(document)
    alive = [
        table.relation
        for table in old.tables
        if (end := old.ends_on(table.relation)) is None or end >= today
    ]
    if alive:
        finding = (
            f"expected {file.name}, which promises {', '.join(alive)}, found none. To mend it, put "
            "it back, or announce an endOfLife in it and wait for that day."
        )
        yield Problem(file, 1, "", finding)


def _numbers(contract: Contract) -> tuple[int, ...]:
    return tuple(int(part) for part in contract.version.split("."))
