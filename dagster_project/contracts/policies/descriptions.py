"""Products, tables and columns say what they are."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.policies.violation import Evidence, Policy, Violation

NAME = "everything_is_described"

# "Store." describes a store; less than two words, or the name again, describes nothing.
LEAST_WORDS = 2


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for product in evidence.products:
        described = {product.folder.name: product.purpose}
        for contract in product.contracts:
            described[contract.file.name] = contract.purpose
            for table in contract.tables:
                described[table.relation] = table.description
                for column in table.columns:
                    described[f"{table.relation}.{column.name}"] = column.description
        for place, description in described.items():
            name = place.rpartition(".")[2].replace("_", " ").casefold()
            text = " ".join(description.split())
            if len(text.split()) < LEAST_WORDS or text.rstrip(".").casefold() == name:
                yield Violation(
                    policy=NAME,
                    product=product.name,
                    object=place,
                    expected="a description in words, other than the name",
                    found=repr(text),
                    remedy="say what it holds, and in which unit",
                )


EVERYTHING_IS_DESCRIBED = Policy(
    NAME, "Each product, contract, table and column is described in words.", _violations
)
