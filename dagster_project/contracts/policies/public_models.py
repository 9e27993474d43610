"""Public models are promised: they have a version and a contract, which dbt enforces."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.policies.violation import (
    EVERY_PRODUCT,
    Evidence,
    Policy,
    Violation,
)

NAME = "public_models_are_promised"
PUBLIC = "public"


def _violations(evidence: Evidence) -> Iterator[Violation]:
    promised = {
        table.relation: product.name
        for product in evidence.products
        for contract in product.contracts
        for table in contract.tables
    }
    public = {model["alias"]: model for model in evidence.models() if model["access"] == PUBLIC}
    for relation, model in sorted(public.items()):
        product = promised.get(relation, EVERY_PRODUCT)
        place = model["original_file_path"]
        if model["version"] is None:
            yield Violation(
                NAME, product, place, "a version", "none", "declare it under `versions`"
            )
        if not model["config"]["contract"]["enforced"]:
            yield Violation(
                policy=NAME,
                product=product,
                object=place,
                expected="a contract that is enforced",
                found="contract.enforced: false",
                remedy="write `contract: {enforced: true}` under its config",
            )
        if relation not in promised:
            yield Violation(
                policy=NAME,
                product=product,
                object=place,
                expected=f"a contract under data_products/ with the table {relation}",
                found="none",
                remedy="promise it there, or give the model another access than public",
            )
    for relation, product in sorted(promised.items()):
        if relation not in public:
            yield Violation(
                policy=NAME,
                product=product,
                object=relation,
                expected="a public dbt model that makes it",
                found="none",
                remedy="write the model, or take the table out of the contract",
            )


PUBLIC_MODELS_ARE_PROMISED = Policy(
    NAME, "Each public dbt model has a version, an enforced contract and one of ours.", _violations
)
