"""How long tables are published: after its end of life one is not built, before it is announced."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dagster_project.contracts.contract import Contract
from dagster_project.contracts.contract_problems import END_OF_LIFE
from dagster_project.contracts.document import Document, Problem, read_document

TOLD_DAYS_BEFORE = 365


@dataclass(frozen=True)
class Ending:
    """A table whose end of life is announced.

    Attributes:
        relation: the table.
        ends_on: the last day on which it is published.
        successor: the newest version of the same table, or None.
        contract: what announces it.
    """

    relation: str
    ends_on: datetime.date
    successor: str | None
    contract: Contract

    def notice(self, today: datetime.date) -> str:
        """What its consumers are told before that day."""
        where = f"read {self.successor}" if self.successor else "it has no successor"
        days = (self.ends_on - today).days
        return f"{self.relation} ends on {self.ends_on}, in {days} days: {where}"


def endings(contracts: Iterable[Contract]) -> list[Ending]:
    """Every announced end of life, the nearest first."""
    every = list(contracts)
    newest = {
        table.model: table.relation
        for contract in sorted(every, key=lambda contract: contract.major)
        for table in contract.tables
    }
    found = [
        Ending(
            table.relation,
            ends_on,
            newest[table.model] if newest[table.model] != table.relation else None,
            contract,
        )
        for contract in every
        for table in contract.tables
        if (ends_on := contract.ends_on(table.relation)) is not None
    ]
    return sorted(found, key=lambda ending: (ending.ends_on, ending.relation))


def notices(contracts: Iterable[Contract], today: datetime.date) -> list[str]:
    """What ends within a year of today, for the page of a run."""
    return [
        ending.notice(today)
        for ending in endings(contracts)
        if 0 <= (ending.ends_on - today).days <= TOLD_DAYS_BEFORE
    ]


def lifetime_problems(contracts: Iterable[Contract], today: datetime.date) -> Iterator[Problem]:
    """Tables that are still promised after their end of life."""
    for ending in endings(contracts):
        document = read_document(ending.contract.file)
        if ending.ends_on < today and isinstance(document, Document):
            promise = ending.contract.promised(END_OF_LIFE, ending.relation)
            yield document.problem(
                ("slaProperties", ending.contract.sla.index(promise) if promise else 0, "value"),
                f"an end of life of {ending.relation} after today, {today}",
                ending.ends_on.isoformat(),
                "remove the table from the contract with its model and port"
                + (f" (consumers read {ending.successor})" if ending.successor else "")
                + ", or promise a later endOfLife",
            )
