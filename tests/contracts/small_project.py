"""A project of a few models over one source, as a dry build would find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dagster_project.contracts.declared_lineage import DeclaredLineage, Hop
from dagster_project.contracts.dry_build import DryBuild
from dagster_project.contracts.lineage import Lineage, trace
from dagster_project.sources import ISO_DATE_IN_NAME, Entity, InputColumn, read_sources

LANDED = "landing.till__sales_events"
READ = "read_parquet(getvariable('meshcast_till_sales_events'), filename = true) as landed"

SALES = Entity(
    name="sales_events",
    business_date_pattern=ISO_DATE_IN_NAME,
    columns=(
        InputColumn("Units"),
        InputColumn("Person", is_optional=True, is_personal=True, renamed_from=("Client",)),
    ),
)
TILL = replace(read_sources()["complete_journey"], name="till", entities={"sales_events": SALES})
DECLARED = DeclaredLineage(
    file=Path("lineage.yaml"),
    masks=frozenset({"hash_customer"}),
    functions=frozenset(),
    digests=frozenset(),
    hops=(),
)


def small_project(
    models: Mapping[str, tuple[str, str]], tables: Mapping[str, str] | None = None
) -> DryBuild:
    """A project of models, each with its SQL and the names of its columns, and of other tables."""
    named = {relation: columns for relation, (_, columns) in models.items()} | dict(tables or {})
    landed = dict.fromkeys(
        ["units", "person", "client", "unparsed_line", "filename", "file_row_number"], "VARCHAR"
    )
    return DryBuild(
        manifest={"nodes": {}, "exposures": {}},
        queries={relation: (sql,) for relation, (sql, _) in models.items()},
        columns={
            LANDED: landed,
            **{name: dict.fromkeys(columns.split(), "VARCHAR") for name, columns in named.items()},
        },
        sources=(TILL,),
        builtins=frozenset(),
        functions=frozenset({"hash_customer"}),
    )


def lineage_of(models: Mapping[str, tuple[str, str]], **tables: str) -> Lineage:
    """The lineage of a small project that declares nothing but its mask."""
    return trace(small_project(models, tables), DECLARED)


def hop(relation: str, **columns: str) -> Hop:
    """A table that Python writes; `every_other` stands for the columns that are not named."""
    return Hop(
        relation,
        "code.py::write",
        {
            "*" if name == "every_other" else name: tuple(made_from.split())
            for name, made_from in columns.items()
        },
    )
