"""What a policy is, what it looks at, and what it says of a product that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagster_project.contracts.lineage import Lineage
from dagster_project.contracts.product import Product


@dataclass(frozen=True)
class Violation:
    """One place where a product breaks a policy.

    Attributes:
        policy: its name.
        product: the product; `every product` for what all of them share.
        object: the file, table or column.
        expected: what the policy asks for.
        found: what there is.
        remedy: what to do.
    """

    policy: str
    product: str
    object: str
    expected: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """The violation in one line, for people."""
        told = (
            f"{self.product}: {self.policy}: {self.object}: expected {self.expected}, found "
            f"{self.found}. To mend it, {self.remedy}."
        )
        return " ".join(told.split())


@dataclass(frozen=True)
class Evidence:
    """What policies look at.

    Attributes:
        products: every product with its contracts.
        manifest: dbt's manifest of the project.
        lineage: where every column comes from.
        model_inputs: the columns of the forecast frame that a demand model reads.
    """

    products: tuple[Product, ...]
    manifest: Mapping[str, Any]
    lineage: Lineage
    model_inputs: tuple[str, ...]

    def models(self) -> Iterator[Mapping[str, Any]]:
        """The dbt models of the manifest."""
        for node in self.manifest["nodes"].values():
            if node["resource_type"] == "model":
                yield node

    def product_of(self, relation: str) -> str:
        """The product that promises a table, or `every product` where none does."""
        for product in self.products:
            for contract in product.contracts:
                if any(table.relation == relation for table in contract.tables):
                    return product.name
        return EVERY_PRODUCT


@dataclass(frozen=True)
class Policy:
    """A rule that every product keeps.

    Attributes:
        name: what it asks for, as one would say it.
        description: what it asks for, in a sentence.
        violations: finds the places that break it.
    """

    name: str
    description: str
    violations: Callable[[Evidence], Iterator[Violation]]


EVERY_PRODUCT = "every product"
