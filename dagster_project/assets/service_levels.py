"""The service levels as checks on the ports: the figure, and how bad it is to miss the target."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.assets.ports import port_key
from dagster_project.contracts.contract import Contract, SlaProperty, read_contracts
from dagster_project.contracts.measured import measured_promises
from dagster_project.publishing import (
    AUDIT,
    CONTRACT_TESTS,
    current_number,
    publication_folder,
)
from dagster_project.service_levels.measurement import Measurement
from dagster_project.service_levels.recording import measure_published
from dagster_project.settings import Settings
from dagster_project.stages import stage

CONTRACT_TEST = "datacontract_test"
SEVERITIES = {"error": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}


def build_service_level_checks() -> dg.AssetChecksDefinition:
    """A check per promise of the contracts, and one per contract for `datacontract test`."""
    contracts = read_contracts()

    @dg.multi_asset_check(
        specs=[
            *(
                dg.AssetCheckSpec(
                    check_name(promise),
                    asset=asset_of(contract, promise.element),
                    description=promise.description,
                )
                for contract in contracts
                for promise in measured_promises(contract)
            ),
            *(
                dg.AssetCheckSpec(
                    CONTRACT_TEST,
                    asset=asset_of(contract, None),
                    description=f"{contract.id} passed the public tool before it was published.",
                )
                for contract in contracts
            ),
        ],
        pool=WAREHOUSE_POOL,
        name="service_levels",
    )
    def service_levels(settings: dg.ResourceParam[Settings]) -> Iterator[dg.AssetCheckResult]:
        number = current_number(settings)
        if number is None:
            raise dg.Failure(
                f"service levels: expected a publication in {settings.published}, found none. Run "
                "`meshcast run` first, or switch the schedule on once something is published."
            )
        with stage("measure service levels") as tell:
            measured = measure_published(settings, datetime.now(UTC))
            missed = sum(item.met is False for item in measured)
            tell(f"{len(measured)} promises, {missed} missed")
        promises = [(one, promise) for one in contracts for promise in measured_promises(one)]
        for (contract, promise), measurement in zip(promises, measured, strict=True):
            yield service_level_check(contract, promise, measurement)
        results = audit_results(settings, number)
        for contract in contracts:
            yield contract_check(contract, results)

    return service_levels


def check_name(promise: SlaProperty) -> str:
    """The name of a promise's check on its table, such as slo_completeness_sold_on."""
    column = (promise.element or "").partition(".")[2]
    return f"slo_{promise.property}_{column}" if column else f"slo_{promise.property}"


def asset_of(contract: Contract, element: str | None) -> dg.AssetKey:
    """The table a promise is about; of the contract as a whole its first one.

    A live table is no part of the publication: its checks stand at its model.
    """
    relation = (element or contract.tables[0].relation).partition(".")[0]
    return dg.AssetKey(relation) if contract.is_live else port_key(relation)


def service_level_check(
    contract: Contract, promise: SlaProperty, measurement: Measurement
) -> dg.AssetCheckResult:
    """What was measured; a level that cannot be measured yet is not missed, and says so."""
    return dg.AssetCheckResult(
        asset_key=asset_of(contract, promise.element),
        check_name=check_name(promise),
        passed=measurement.met is not False,
        severity=SEVERITIES[measurement.severity],
        description=measurement.told(),
        metadata={
            "target": measurement.target,
            "unit": measurement.unit,
            "is_measured": measurement.measured is not None,
            **({} if measurement.measured is None else {"measured": measurement.measured}),
        },
    )


def audit_results(settings: Settings, number: int) -> list[dict[str, Any]]:
    """What the audit of a publication has found, test by test."""
    file = publication_folder(settings, number) / AUDIT
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def contract_check(contract: Contract, results: Sequence[dict[str, Any]]) -> dg.AssetCheckResult:
    """What `datacontract test` said of a contract on the files that are published."""
    own = [item for item in results if item["name"].startswith(f"{CONTRACT_TESTS}{contract.id}_")]
    failed = [item for item in own if item["status"] != "pass"]
    told = "; ".join(f"{item['name']}: {item['message']}" for item in failed[:3])
    return dg.AssetCheckResult(
        asset_key=asset_of(contract, None),
        check_name=CONTRACT_TEST,
        passed=bool(own) and not failed,
        severity=dg.AssetCheckSeverity.WARN
        if own and all(item["status"] in ("pass", "warn") for item in own)
        else dg.AssetCheckSeverity.ERROR,
        description=told
        or (f"{len(own)} servers" if own else "the publication is from before it was tested"),
        metadata={"servers": len(own) - len(failed), "not_passed": len(failed)},
    )
