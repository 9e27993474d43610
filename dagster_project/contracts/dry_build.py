"""The whole project built from landed files without a line: its compiled SQL and its columns.

Compiled SQL of a home tells only what that home deploys, and one that has landed nothing reads no
column at all. So every declared source is deployed at once, each entity with a Parquet file of all
of its columns and no rows. All models are run, then compiled again, since an incremental one has
other SQL once its table is there.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.contracts.column_flow import relation_key, without_parameters
from dagster_project.settings import DBT_PROJECT, PROFILES, Settings
from dagster_project.sources import RESERVED_COLUMNS, Entity, Source, read_sources, staged_entities
from dagster_project.warehouse import memory, transaction, warehouse

UNPARSED = RESERVED_COLUMNS[-1]

# What a reader of Parquet adds to the columns of a file.
ADDED_BY_READER = {"filename": "VARCHAR", "file_row_number": "BIGINT"}

REGISTER = """
insert into state.landing_files (
    file_id, source, entity, path, readable_path, business_on, size_bytes, row_count,
    column_names, first_seen_at, status
)
select
    1 + (select count(*) from state.landing_files), ?, ?, ?, ?, ?, 0, 0, ?, ?, 'accepted'
"""

COLUMNS = """
select table_schema, table_name, lower(column_name), data_type
from information_schema.columns
order by table_schema, table_name, ordinal_position
"""

FUNCTIONS = "select distinct lower(function_name) from duckdb_functions()"

TABLE_MACROS = """
select lower(function_name), macro_definition, parameters
from duckdb_functions()
where function_type = 'table_macro' and not internal
"""


@dataclass(frozen=True)
class DryBuild:
    """The project as it compiles for every source at once.

    Attributes:
        manifest: dbt's manifest.
        queries: the SQL that makes each relation, in all of its variants.
        columns: type of each column of what queries may read, by relation.
        sources: the sources that have a staging model.
        builtins: DuckDB's own functions.
        functions: the functions that meshcast registers.
        table_macros: the table macros that models create.
    """

    manifest: Mapping[str, Any]
    queries: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, Mapping[str, str]]
    sources: tuple[Source, ...]
    builtins: frozenset[str]
    functions: frozenset[str]
    table_macros: frozenset[str] = frozenset()

    def with_query(self, relation: str, sql: str) -> DryBuild:
        """The same project, but for the SQL of one relation."""
        return replace(self, queries={**self.queries, relation: (sql,)})


def dry_build(settings: Settings, project: Path = DBT_PROJECT) -> DryBuild:
    """Build every model in a home that holds nothing else.

    Args:
        settings: whose home is a new folder, which the caller removes.
        project: the dbt project.

    Raises:
        DeclarationError: a source's declaration is wrong.
        RuntimeError: dbt cannot build the project; carries dbt's own words.
    """
    deployed = {
        name: staged for name in read_sources(project) if (staged := staged_entities(name, project))
    }
    sources = tuple(source for name, source in read_sources(project).items() if name in deployed)
    with warehouse(settings) as connection, transaction(connection):
        for source in sources:
            for entity in deployed[source.name]:
                _land_nothing(settings, connection, source, source.entities[entity])
    results = [_dbt(settings, command, deployed, project) for command in ("run", "compile")]
    queries = _queries(results)
    columns = {
        landed_relation(source.name, entity): dict.fromkeys(
            _landed_columns(source.entities[entity]), "VARCHAR"
        )
        for source in sources
        for entity in deployed[source.name]
    }
    with warehouse(settings) as connection:
        columns |= _columns(connection)
        macros = _table_macros(connection)
        functions = {name for (name,) in connection.execute(FUNCTIONS).fetchall()}
    with memory() as connection:
        builtins = frozenset(name for (name,) in connection.execute(FUNCTIONS).fetchall())
    return DryBuild(
        manifest=json.loads((_target(settings) / "manifest.json").read_text()),
        queries={**queries, **{name: (sql,) for name, (sql, _) in macros.items()}},
        columns={**columns, **{name: found for name, (_, found) in macros.items()}},
        sources=sources,
        builtins=builtins,
        functions=frozenset(functions - builtins - macros.keys()),
        table_macros=frozenset(macros),
    )


def landed_relation(source: str, entity: str) -> str:
    """Name of the landed files of an entity as a relation."""
    return f"landing.{source}__{entity}".lower()


def _landed_columns(entity: Entity) -> list[str]:
    """What the files of an entity may bring, old names included, and what reading them adds."""
    return [*entity.column_names, UNPARSED, *ADDED_BY_READER]


def _land_nothing(
    settings: Settings, connection: duckdb.DuckDBPyConnection, source: Source, entity: Entity
) -> None:
    """Register one file without a line, as landing registers a normalised one."""
    file = settings.normalised / source.name / entity.name / "nothing.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    names = [name for column in entity.columns for name in column.names]
    schema = pa.schema([(name, pa.string()) for name in (*names, UNPARSED)])
    pq.write_table(schema.empty_table(), file)
    connection.execute(
        REGISTER,
        [
            *(source.name, entity.name, file.name),
            *(file.relative_to(settings.home).as_posix(), source.starts_on, names),
            *(datetime.combine(source.starts_on, time(), UTC),),
        ],
    )


def _dbt(
    settings: Settings, command: str, deployed: Mapping[str, Sequence[str]], project: Path
) -> list[dict[str, Any]]:
    """Run a command over all models; what dbt tells of each."""
    ran = subprocess.run(
        [
            *(settings.dbt_executable, "--quiet", command, "--select", "resource_type:model"),
            *("--project-dir", str(project), "--profiles-dir", str(PROFILES)),
            *("--vars", json.dumps({"sources": deployed})),
        ],
        env={**os.environ, "MESHCAST_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"dbt {command} of every source failed:\n{ran.stdout}{ran.stderr}")
    results = json.loads((_target(settings) / "run_results.json").read_text())["results"]
    return [result for result in results if result["unique_id"].startswith("model.")]


def _queries(commands: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, tuple[str, ...]]:
    queries: dict[str, dict[str, None]] = {}
    for result in (result for results in commands for result in results):
        _, schema, table = (part.strip('"') for part in result["relation_name"].split("."))
        variants = queries.setdefault(relation_key(schema, table), {})
        variants[result["compiled_code"]] = None
    return {relation: tuple(variants) for relation, variants in queries.items()}


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    columns: dict[str, dict[str, str]] = {}
    for schema, table, column, data_type in connection.execute(COLUMNS).fetchall():
        columns.setdefault(relation_key(schema, table), {})[column] = data_type
    return columns


def _table_macros(
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, tuple[str, dict[str, str]]]:
    """The SQL of each table macro, null for its parameters, and its columns."""
    macros = {}
    for name, definition, parameters in connection.execute(TABLE_MACROS).fetchall():
        nulls = ", ".join("null" for _ in parameters)
        described = connection.execute(f"describe from {name}({nulls})").fetchall()
        macros[name] = (
            without_parameters(definition, parameters),
            {column.lower(): data_type for column, data_type, *_ in described},
        )
    return macros


def _target(settings: Settings) -> Path:
    return settings.home / "dbt" / "embedded"
