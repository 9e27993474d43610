"""What Dagster's catalog says of assets that dbt does not make: owners, columns, past state."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import dagster as dg

from dagster_project.contracts.contract import read_contracts
from dagster_project.sources import Source
from dagster_project.warehouse import memory, state_table_statements

COLUMN_SCHEMA = "dagster/column_schema"
PUBLICATIONS = dg.AssetKey(["state", "publications"])
MEASUREMENTS = dg.AssetKey(["state", "slo_measurements"])


@cache
def owners() -> tuple[str, ...]:
    """E-mail addresses of those who answer for the data products, from their contracts."""
    return tuple(sorted({contract.owner for contract in read_contracts()}))


@cache
def state_columns(table: str) -> dict[str, dg.TableSchema]:
    """Metadata with the columns of a state table, such as forecast_ledger."""
    with memory() as connection:
        for statement in state_table_statements():
            connection.execute(statement)
        columns = connection.execute(
            "select column_name, data_type, is_nullable = 'YES' from information_schema.columns"
            " where table_schema = 'state' and table_name = ? order by ordinal_position",
            [table],
        ).fetchall()
    return _schema(
        dg.TableColumn(name, kind, constraints=dg.TableColumnConstraints(nullable=nullable))
        for name, kind, nullable in columns
    )


def entity_columns(source: Source, entity: str) -> dict[str, dg.TableSchema]:
    """Metadata with the columns that a source declares of one of its entities."""
    return _schema(
        dg.TableColumn(
            column.name,
            "as landed",
            "personal: read hashed only" if column.is_personal else None,
            constraints=dg.TableColumnConstraints(nullable=column.is_optional),
        )
        for column in source.entities[entity].columns
    )


def published_columns(models: dg.AssetsDefinition, relation: str) -> dict[str, dg.TableSchema]:
    """Metadata with the columns of a port: those of the dbt model it publishes."""
    return {COLUMN_SCHEMA: models.metadata_by_key[dg.AssetKey(relation)][COLUMN_SCHEMA]}


def publications_so_far() -> dg.AssetSpec:
    """What earlier runs have published, which the forecast's history is read from."""
    return dg.AssetSpec(
        PUBLICATIONS,
        group_name="ports",
        description="Publications of earlier runs, kept equal to the published folder; the history "
        "of the forecast holds their versions.",
        owners=owners(),
        kinds={"duckdb"},
        metadata=state_columns("publications"),
    )


def measurements_so_far() -> dg.AssetSpec:
    """What was measured of the service levels, which their status is read from."""
    return dg.AssetSpec(
        MEASUREMENTS,
        group_name="ports",
        description="Measurements of the service levels, after each publication and each morning; "
        "slo_status_v1 is made of them.",
        owners=owners(),
        kinds={"duckdb"},
        metadata=state_columns("slo_measurements"),
    )


def _schema(columns: Iterable[dg.TableColumn]) -> dict[str, dg.TableSchema]:
    return {COLUMN_SCHEMA: dg.TableSchema(columns=list(columns))}
