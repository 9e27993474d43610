"""Every column is classified, out of one list."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.policies.violation import Evidence, Policy, Violation

NAME = "every_column_is_classified"

RESTRICTED = "restricted"
"""Holds a keyed hash of a person: for the readers of a restricted port only."""

CLASSIFICATIONS = ("public", "internal", "confidential", RESTRICTED)


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for product in evidence.products:
        for contract in product.contracts:
            for table in contract.tables:
                for column in table.columns:
                    if column.classification not in CLASSIFICATIONS:
                        yield Violation(
                            policy=NAME,
                            product=product.name,
                            object=f"{table.relation}.{column.name}",
                            expected=f"one of {', '.join(CLASSIFICATIONS)}",
                            found=repr(column.classification),
                            remedy=f"classify it in {contract.file.name}",
                        )


EVERY_COLUMN_IS_CLASSIFIED = Policy(
    NAME, f"Each column is {', '.join(CLASSIFICATIONS[:-1])} or {RESTRICTED}.", _violations
)
