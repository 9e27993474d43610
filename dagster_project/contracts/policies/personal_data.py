"""No person is told to anybody: personal columns are hashed before a port or a model reads them.

Columns are followed by what they are computed from, never by their name, and what cannot be
followed breaks the policy too: not to know is not to be safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.column_flow import ColumnRef, Step
from dagster_project.contracts.contract import Contract
from dagster_project.contracts.lineage import Lineage
from dagster_project.contracts.policies.classifications import RESTRICTED
from dagster_project.contracts.policies.violation import (
    EVERY_PRODUCT,
    Evidence,
    Policy,
    Violation,
)
from dagster_project.contracts.table import Column

NAME = "personal_data_is_masked"
FRAME = "forecast_frame"
FORECAST = "sales_forecast_v1"


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for unresolved in evidence.lineage.unresolved:
        yield Violation(
            policy=NAME,
            product=evidence.product_of(unresolved.where),
            object=unresolved.where,
            expected="columns whose origin can be told",
            found=unresolved.found,
            remedy="write it so that it can be followed, or declare it in "
            "data_products/lineage.yaml",
        )
    for product in evidence.products:
        for contract in product.contracts:
            for table in contract.tables:
                for column in table.columns:
                    place = ColumnRef(table.relation, column.name.lower())
                    yield from _of_port(evidence.lineage, contract, column, place)
    for name in evidence.model_inputs:
        yield from _of_model(evidence, ColumnRef(FRAME, name.lower()))


def _of_port(
    lineage: Lineage, contract: Contract, column: Column, place: ColumnRef
) -> Iterator[Violation]:
    if place not in lineage.steps:
        yield _violation(
            contract.product,
            place,
            "a column that the project makes",
            "none",
            "correct the contract, or write the column's SQL",
        )
    for person in lineage.open_people(place):
        yield _violation(
            contract.product,
            place,
            f"no personal column but through hash_customer, {person.source} being one",
            _told(lineage, place, person),
            "read it with landed(), which hashes it, or leave it out",
        )
    for person in lineage.hashed_people(place):
        if column.classification != RESTRICTED:
            yield _violation(
                contract.product,
                place,
                f"the classification {RESTRICTED}, since it holds the hash of {person.source}",
                f"{column.classification or 'none'}, by {_told(lineage, place, person)}",
                f"classify it so in {contract.file.name}",
            )
        if not contract.is_restricted:
            yield _violation(
                contract.product,
                place,
                f"no hash of {person.source} in a port that is open to all",
                _told(lineage, place, person),
                "publish it in a restricted port, or leave it out",
            )


def _of_model(evidence: Evidence, place: ColumnRef) -> Iterator[Violation]:
    product = evidence.product_of(FORECAST)
    if place not in evidence.lineage.steps:
        yield _violation(
            product, place, "a column of the frame", "none", "correct forecast_frame.sql"
        )
    people = [*evidence.lineage.open_people(place), *evidence.lineage.hashed_people(place)]
    for person in people:
        yield _violation(
            product,
            place,
            f"no personal column among what the model reads, {person.source} being one",
            _told(evidence.lineage, place, person),
            "take it out of the features",
        )


def _told(lineage: Lineage, place: ColumnRef, person: Step) -> str:
    return f"the way {' → '.join(str(column) for column in lineage.way(place, person))}"


def _violation(product: str, place: ColumnRef, expected: str, found: str, remedy: str) -> Violation:
    return Violation(NAME, product or EVERY_PRODUCT, str(place), expected, found, remedy)


PERSONAL_DATA_IS_MASKED = Policy(
    NAME,
    "No personal column reaches a port unmasked, a model at all, or an open port as a hash.",
    _violations,
)
