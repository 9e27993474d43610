"""Every contract promises at least what any consumer has to know."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.policies.violation import Evidence, Policy, Violation

NAME = "required_objectives_are_promised"

REQUIRED = ("freshness", "retention")
"""How old the data may be, and how long a publication stays: without them nobody can plan."""


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for product in evidence.products:
        for contract in product.contracts:
            promised = {promise.property for promise in contract.sla}
            for required in REQUIRED:
                if required not in promised:
                    yield Violation(
                        policy=NAME,
                        product=product.name,
                        object=f"{contract.file.name}, slaProperties",
                        expected=f"a promise of {required}",
                        found=", ".join(sorted(promised)) or "none at all",
                        remedy="promise it, with a value and a unit",
                    )


REQUIRED_OBJECTIVES_ARE_PROMISED = Policy(
    NAME, f"Each contract promises {', '.join(REQUIRED)}.", _violations
)
