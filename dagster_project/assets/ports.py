"""The published tables as Dagster knows them: what the contracts say of each, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from dagster_project.contracts.contract import Contract, Table, read_contracts
from dagster_project.contracts.document import Problem

PORTS_GROUP = "ports"
FORECAST_PORT = "sales_forecast_v1"


def port_key(relation: str) -> dg.AssetKey:
    """The asset key of a published table, such as ["ports", "sales_forecast_v1"]."""
    return dg.AssetKey([PORTS_GROUP, relation])


def port_specs() -> list[dg.AssetSpec]:
    """One asset per promised table, sorted by its name."""
    promised = [(contract, table) for contract in read_contracts() for table in contract.tables]
    return [
        port_spec(contract, table)
        for contract, table in sorted(promised, key=lambda pair: pair[1].relation)
    ]


def port_spec(contract: Contract, table: Table) -> dg.AssetSpec:
    """Owner, description, tags and freshness policy of a published table, from its contract."""
    freshness = contract.promised("freshness", table.relation)
    return dg.AssetSpec(
        port_key(table.relation),
        deps=[table.relation],
        group_name=PORTS_GROUP,
        description=table.description,
        owners=[contract.owner],
        kinds={"parquet"},
        tags={"contract": contract.id, "contract_version": contract.version},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=freshness.span())
        if freshness is not None
        else None,
    )


def port_drift(contracts: Iterable[Contract]) -> Iterator[Problem]:
    """Where Dagster would say something else of a port than its contract, with both values."""
    specs = {spec.key: spec for spec in port_specs()}
    for contract in contracts:
        for table in contract.tables:
            spec = specs.get(port_key(table.relation))
            freshness = contract.promised("freshness", table.relation)
            promised = {
                "owner": [contract.owner],
                "description": table.description,
                "freshness": freshness.span() if freshness is not None else None,
            }
            derived = (
                {
                    "owner": list(spec.owners),
                    "description": spec.description,
                    "freshness": _fail_window(spec.freshness_policy),
                }
                if spec is not None
                else dict.fromkeys(promised)
            )
            for name, value in promised.items():
                if derived[name] != value:
                    yield Problem(
                        contract.file,
                        1,
                        f"{table.relation}.{name}",
                        f"expected {value} (the contract), found {derived[name]} in Dagster. To "
                        "mend it, let dagster_project/assets/ports.py take it from the contract.",
                    )


def _fail_window(policy: Any) -> timedelta | None:
    return None if policy is None else policy.fail_window.to_timedelta()


def forecast_fresh_days() -> int:
    """Within how many days of today the sales behind the forecast are promised to end.

    Raises:
        RuntimeError: no contract promises it.
    """
    for contract in read_contracts():
        freshness = contract.promised("freshness", FORECAST_PORT)
        if freshness is not None and FORECAST_PORT in [t.relation for t in contract.tables]:
            return freshness.span().days
    raise RuntimeError(
        f"{FORECAST_PORT}: expected a contract that promises its freshness, found none. Add a "
        "property freshness to its slaProperties."
    )
