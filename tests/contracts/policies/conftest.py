"""What policies look at: the products as they are, with nothing made or read by dbt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dagster_project.contracts.contract import Contract
from dagster_project.contracts.lineage import Lineage
from dagster_project.contracts.policies import Evidence, Policy, Violation
from dagster_project.contracts.product import Product, read_products
from dagster_project.contracts.table import Column, Table

Find = Callable[[Policy, Evidence], list[Violation]]


@pytest.fixture
def evidence() -> Evidence:
    """The products of this checkout, without models and lineage."""
    return Evidence(
        products=read_products(),
        manifest={"nodes": {}, "exposures": {}},
        lineage=Lineage({}, frozenset()),
        model_inputs=(),
    )


@pytest.fixture
def one(evidence: Evidence) -> Callable[..., Evidence]:
    """The same with one product, whose contract and its only table and column are changed."""

    def changed(
        product: dict[str, Any] | None = None,
        contract: dict[str, Any] | None = None,
        table: dict[str, Any] | None = None,
        column: dict[str, Any] | None = None,
    ) -> Evidence:
        whole = next(product for product in evidence.products if product.name == "sales_events")
        promised = whole.contracts[0]
        first: Table = promised.tables[0]
        named: Column = next(item for item in first.columns if item.name == "customer_key")
        only = replace(first, **{"columns": (replace(named, **(column or {})),), **(table or {})})
        kept: Contract = replace(promised, **{"tables": (only,), **(contract or {})})
        found: Product = replace(whole, **{"contracts": (kept,), **(product or {})})
        return replace(evidence, products=(found,))

    return changed
