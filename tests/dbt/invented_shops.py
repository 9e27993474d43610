"""Three invented sources, declared as an analyst would, and a deployment that dbt builds of them.

`till` never corrects itself, `web` corrects single lines by their id, `totals` states whole days
again. Each is a YAML and a staging model per entity, added to a copy of the project.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import cleanup_connections
from dbt.cli.main import dbtRunner

from dagster_project.landing import LandingReport, register_landed
from dagster_project.settings import DBT_PROJECT, PROFILES, Settings
from dagster_project.warehouse import warehouse

LAYERS = ("staging", "events", "entities", "daily", "observability")
CLEANING = tuple(f"path:models/{layer}" for layer in LAYERS)
AFTER_CLEANING = ("path:models/features+", "path:models/data_products+")

TILL = """
sources:
  - name: till
    description: Shops in London, and one in Tokyo that keeps its own time.
    schema: landing
    config:
      meta:
        meshcast:
          country: GB
          time_zone: Europe/London
          currency: GBP
          starts_on: 2024-03-01
          grain: {product: an article, store: a shop}
          plausible: {quantity: [-100, 100], unit_price: [0, 50]}
          forecast: {promotions_known_ahead_days: 7}
    tables:
      - name: sales_events
        columns:
          - name: line
          - name: sold
          - name: shop
          - name: article
          - {name: customer, config: {meta: {personal: true, optional: true}}}
          - name: pieces
          - {name: price, config: {meta: {renamed_from: [unit_price]}}}
      - name: products
        columns: [{name: article}, {name: title}, {name: category}]
      - name: stores
        columns: [{name: shop}, {name: zone}]
      - name: promotions
        columns: [{name: article}, {name: starts}, {name: ends}]
"""

TILL_MODELS = {
    "sales_events": """
        select {{ line_identity() }},
            line as event_id, sold as sold_at, shop as store_id, article as product_id,
            customer as customer_id, pieces as quantity, price as unit_price,
            null as net_amount, null as currency, article <> 'bag' as is_demand
        from {{ landed('till', 'sales_events') }}
    """,
    "products": """
        select article as product_id, title as product_name, category, null as department, known_on
        from {{ landed('till', 'products') }}
    """,
    "stores": """
        select shop as store_id, shop as store_name, null as region, zone as time_zone, known_on
        from {{ landed('till', 'stores') }}
    """,
    "promotions": """
        select {{ line_identity() }},
            article as product_id, null as store_id, starts as starts_on, ends as ends_on,
            'leaflet' as promotion_kind, 1 as share
        from {{ landed('till', 'promotions') }}
    """,
}

WEB = """
sources:
  - name: web
    description: Orders that are corrected by sending the line again.
    schema: landing
    config:
      meta:
        meshcast:
          country: GB
          time_zone: UTC
          starts_on: 2024-03-01
          grain: {product: an article, store: a country}
          corrections: same_event_id
          open_days: every_day
    tables:
      - name: sales_events
        columns: [{name: id}, {name: moment}, {name: country}, {name: article}, {name: pieces}]
"""

WEB_MODELS = {
    "sales_events": """
        select {{ line_identity() }},
            id as event_id, moment as sold_at, country as store_id, article as product_id,
            null as customer_id, pieces as quantity, null as unit_price, null as net_amount,
            null as currency, null as is_demand
        from {{ landed('web', 'sales_events') }}
    """,
}

TOTALS = """
sources:
  - name: totals
    description: Daily totals of a market hall, stated again when they were wrong.
    schema: landing
    config:
      meta:
        meshcast:
          country: GB
          time_zone: Europe/London
          starts_on: 2024-03-01
          grain: {product: a group, store: a hall}
          corrections: whole_day
          open_days: calendar
    tables:
      - name: sales_events
        columns: [{name: day}, {name: hall}, {name: group}, {name: units}]
      - name: calendar
        columns: [{name: day}, {name: open}]
"""

TOTALS_MODELS = {
    "sales_events": """
        select {{ line_identity() }},
            null as event_id, day as sold_at, hall as store_id, "group" as product_id,
            null as customer_id, units as quantity, null as unit_price, null as net_amount,
            null as currency, null as is_demand
        from {{ landed('totals', 'sales_events') }}
    """,
    "calendar": """
        select null as store_id, day as day_on, open as is_open, null as event_name, known_on
        from {{ landed('totals', 'calendar') }}
    """,
}

SOURCES = {"till": (TILL, TILL_MODELS), "web": (WEB, WEB_MODELS), "totals": (TOTALS, TOTALS_MODELS)}


def write_project(folder: Path) -> Path:
    """Copy the dbt project into a folder, add the invented sources, and deploy them all."""
    project = folder / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("logs", "target"))
    for name, (declaration, models) in SOURCES.items():
        staging = project / "models" / "staging" / name
        staging.mkdir()
        (staging / f"{name}.yml").write_text(declaration)
        for entity, sql in models.items():
            (staging / f"stg_{name}__{entity}.sql").write_text(sql)
    configuration = yaml.safe_load((project / "dbt_project.yml").read_text())
    configuration["vars"]["sources"] = {name: list(models) for name, (_, models) in SOURCES.items()}
    (project / "dbt_project.yml").write_text(yaml.safe_dump(configuration))
    return project


@dataclass
class Deployment:
    """A home, and the project that builds it; the manifest is shared between homes."""

    settings: Settings
    project: Path
    manifest: Any = field(default=None, repr=False)
    variables: dict[str, Any] | None = None

    def land(self, path: str, text: str) -> None:
        """Write a landing file."""
        file = self.settings.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def register(self) -> LandingReport:
        """Register what has landed."""
        with warehouse(self.settings) as connection:
            return register_landed(self.settings, connection, project=self.project)

    def dbt(
        self, command: str, *arguments: str, select: Sequence[str] = CLEANING
    ) -> dict[str, str]:
        """Run a dbt command; return the status of each node by its name."""
        if self.manifest is None:
            self.parse()
        result = self._run_dbt(
            dbtRunner(manifest=self.manifest),
            [
                *("--quiet", command, "--select", *select, "--exclude", *AFTER_CLEANING),
                *(*arguments, *self._project_arguments()),
            ],
        )
        if result.exception:
            raise result.exception
        return {run.node.name: str(run.status) for run in result.result}

    def build(self, *arguments: str, select: Sequence[str] = CLEANING) -> None:
        """Register what has landed and run the models; nothing may fail."""
        self.register()
        statuses = self.dbt("run", *arguments, select=select)
        assert set(statuses.values()) == {"success"}, statuses

    def failing_tests(self) -> list[str]:
        """Names of the dbt tests of the cleaning models that fail, warnings aside."""
        return [name for name, status in self.dbt("test").items() if status in ("fail", "error")]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the warehouse."""
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of what the cleaning leaves behind, but for when it ran and in which run."""
        kept = {
            "sales_events_decided": "* exclude (load_id)",
            "sales_events_failed": "*",
            "promotions_decided": "*",
            "daily_sales_changes": "*",
            "sales_by_day": "*",
            "store_days": "*",
            "open_days": "*",
            "dim_product": "*",
            "dim_store": "*",
            "dim_calendar": "*",
            "loads": "* exclude (loaded_at)",
        }
        return {
            table: self.rows(f"select {columns} from {table} order by all")
            for table, columns in kept.items()
        }

    def parse(self) -> None:
        """Parse the project once for this deployment and every other home of it."""
        result = self._run_dbt(dbtRunner(), ["--quiet", "parse", *self._project_arguments()])
        if result.exception:
            raise result.exception
        self.manifest = result.result

    def _project_arguments(self) -> list[str]:
        folder = self.settings.home / "dbt"
        return [
            *("--project-dir", str(self.project), "--profiles-dir", str(PROFILES)),
            *("--target-path", str(folder), "--log-path", str(folder / "logs")),
            *(("--vars", json.dumps(self.variables)) if self.variables else ()),
        ]

    def _run_dbt(self, runner: dbtRunner, arguments: list[str]) -> Any:
        self.settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
        with _environment(MESHCAST_HOME=str(self.settings.home)), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # dbt's own
            result = runner.invoke(arguments)
        cleanup_connections()
        if DuckDBConnectionManager._ENV:  # or this process keeps the warehouse open
            DuckDBConnectionManager.env().close()
            DuckDBConnectionManager.close_all_connections()
        return result


def deploy(folder: Path) -> Deployment:
    """A deployment of the three sources with an empty home."""
    settings = Settings(
        home=folder / "home",
        today=date(2024, 4, 10),
        sources=tuple(SOURCES),
        lock_timeout_seconds=5,
    )
    return Deployment(settings, write_project(folder))


def again(deployment: Deployment, folder: Path) -> Deployment:
    """The same deployment with another, empty home."""
    settings = Settings(
        home=folder / "home",
        today=deployment.settings.today,
        sources=deployment.settings.sources,
        lock_timeout_seconds=5,
    )
    return Deployment(settings, deployment.project, deployment.manifest)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
