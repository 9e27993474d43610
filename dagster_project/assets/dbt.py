"""The dbt project as assets and checks: one `dbt build` for whatever part of it is wanted."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from dagster_dbt.compat import DBT_PYTHON_VERSION
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from dagster_project.assets.failed_tests import compiled_tests, describe
from dagster_project.settings import DBT_PROJECT, PROFILES, TODAY, Settings, dbt_environment
from dagster_project.sources import dbt_vars
from dagster_project.sql_functions import content_md5
from dagster_project.stages import stage
from dagster_project.warehouse import warehouse

WAREHOUSE_POOL = "warehouse"
DATA_PRODUCTS_GROUP = "data_products"
OBSERVABILITY_GROUP = "observability"  # models made to be told of: no column of them is personal

# Unit tests hold the code against invented rows: a matter of development, not of each day's data.
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def dbt_folder(settings: Settings) -> Path:
    """Where dbt keeps its artifacts for this home."""
    return settings.home / "dbt" / "embedded"


def vars_arguments(settings: Settings) -> list[str]:
    """The --vars of this deployment; none when they are those of dbt_project.yml."""
    variables = dbt_vars(settings)
    return ["--vars", json.dumps(variables)] if variables else []


def prepare_manifest(settings: Settings) -> Path:
    """Return the manifest, parsed again when the project or its deployment has changed.

    Their content decides, not the time of a file: an older version put in place of a newer one, or
    unpacked with its own times, is another project too.

    Raises:
        RuntimeError: dbt cannot parse the project; carries dbt's own words.
    """
    manifest = dbt_folder(settings) / "manifest.json"
    stamp = dbt_folder(settings) / "manifest.parsed"
    parsed = f"{_project_digest()} {' '.join(vars_arguments(settings))}"
    if manifest.exists() and stamp.exists() and stamp.read_text() == parsed:
        return manifest
    manifest.parent.mkdir(parents=True, exist_ok=True)
    settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
    _run_dbt(settings, "parse")
    stamp.write_text(parsed)
    return manifest


def dbt_build(
    settings: Settings,
    *,
    select: str | None = None,
    exclude: str | None = None,
    refresh: bool = False,
) -> None:
    """Build a part of the project outside of Dagster.

    Args:
        settings: the deployment.
        select: dbt's selection; everything when left out.
        exclude: what to leave out of it.
        refresh: build everything again from the landed files.

    Raises:
        RuntimeError: a model or a test failed; carries dbt's own words.
    """
    selection = [
        *(["--select", select] if select else []),
        *(["--exclude", *exclude.split()] if exclude else []),
        *(["--full-refresh"] if refresh else []),
    ]
    _run_dbt(settings, "build", *NO_UNIT_TESTS, *selection)


def _run_dbt(settings: Settings, command: str, *arguments: str) -> None:
    ran = subprocess.run(
        [
            *(settings.dbt_executable, "--quiet", command),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES)),
            *arguments,
            *vars_arguments(settings),
        ],
        env={**os.environ, **dbt_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"dbt {command} failed:\n{ran.stdout}{ran.stderr}")


def _project_digest() -> str:
    """MD5 over the files that dbt parses, names included, of the project and of the profiles."""
    return " ".join(
        content_md5(
            folder,
            (
                file.relative_to(folder)
                for file in sorted(folder.rglob("*"))
                if file.suffix in {".sql", ".yml", ".md", ".csv"}
            ),
        )
        for folder in (DBT_PROJECT, PROFILES)
    )


class Translator(DagsterDbtTranslator):
    """Names and groups of dbt's nodes in Dagster: a model's group is its layer."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The folder under models/, which is the layer."""
        path = dbt_resource_props["fqn"]
        return path[1] if len(path) > 2 else super().get_group_name(dbt_resource_props)

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """DBT's tags, and the layer."""
        return {**super().get_tags(dbt_resource_props), "layer": dbt_resource_props["fqn"][1]}


class DbtBesideThisPython(DbtCliResource):
    """Leaves out what takes seconds of every job and brings us nothing."""

    @cached_property
    def _cli_version(self) -> Any:
        """Told by the installed package, not by the command, which takes 2 s to say it."""
        return DBT_PYTHON_VERSION

    def _initialize_dbt_core_adapter(self, *_: Any) -> Any:
        """None: an adapter reads all macros again (3 s), to count rows as `row_counts` does."""
        return None


def dbt_resource(settings: Settings) -> DbtCliResource:
    """The dbt command line beside this Python.

    The target is the default of the profile and is not named: dbt parses everything again where the
    last command named another, or none, as an analyst's plain `dbt build` does.
    """
    return DbtBesideThisPython(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(PROFILES),
        dbt_executable=settings.dbt_executable,
    )


def build_dbt_assets(settings: Settings) -> dg.AssetsDefinition:
    """All dbt models as assets and their tests as checks; can run any part of them."""

    @dbt_assets(
        manifest=prepare_manifest(settings),
        # One asset of Python's may write several tables: the forecast its ledger and its paths.
        dagster_dbt_translator=Translator(
            settings=DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True)
        ),
        project=DbtProject(DBT_PROJECT, profiles_dir=PROFILES, target="embedded"),
        pool=WAREHOUSE_POOL,
        name="dbt",
    )
    def dbt_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        groups = context.assets_def.group_names_by_key
        layers = {groups[key] for key in context.selected_asset_keys}
        is_products = layers == {DATA_PRODUCTS_GROUP}
        with stage("dbt: data products" if is_products else "dbt: clean, daily, features") as tell:
            with told_today(settings):
                invocation = dbt.cli(
                    ["build", *NO_UNIT_TESTS, *vars_arguments(settings)],
                    context=context,
                    target_path=dbt_folder(settings),
                )
            events, failure = [], None
            try:
                for event in invocation.stream():
                    events.append(event)
                    tell(f"{len(events)} models and tests")
            except DagsterDbtCliRuntimeError as error:
                failure = error  # raised below, once Dagster has been told what did succeed
            keys = [key for event in events if (key := event_key(context, event)) is not None]
            rows = row_counts(settings, keys)
            observed = {key for key, group in groups.items() if group == OBSERVABILITY_GROUP}
            tests = compiled_tests(invocation) if failure is None else {}
            for event in events:
                key = event_key(context, event)
                if isinstance(event, dg.AssetCheckResult) and not event.passed:
                    test = str(event.metadata["unique_id"].value)
                    sql = tests.get(test) if event.asset_key in observed else None
                    yield event._replace(description=describe(settings, event, sql))
                elif key is not None and key in rows:
                    yield event.with_metadata(
                        {**event.metadata, "dagster/row_count": dg.MetadataValue.int(rows[key])}
                    )
                else:
                    yield event
            if failure is not None:
                raise failure

    return dbt_models


@contextmanager
def told_today(settings: Settings) -> Iterator[None]:
    """Let a dbt that is started in here know which day is today for this deployment."""
    before = os.environ.get(TODAY)
    os.environ[TODAY] = settings.today.isoformat()
    try:
        yield
    finally:
        del os.environ[TODAY]
        if before is not None:
            os.environ[TODAY] = before


def event_key(
    context: dg.AssetExecutionContext, event: dg.AssetMaterialization | dg.Output[Any] | Any
) -> dg.AssetKey | None:
    """The asset that an event of dbt's materializes; None for checks and observations."""
    if isinstance(event, dg.AssetMaterialization):
        return event.asset_key
    if isinstance(event, dg.Output):
        return dg.AssetKey(context.asset_key_for_output(event.output_name).path)
    return None


def row_counts(settings: Settings, keys: list[dg.AssetKey]) -> dict[dg.AssetKey, int]:
    """Rows of each table a run has built, from one short connection after dbt let go of it."""
    counts = {}
    with warehouse(settings, read_only=True) as connection:
        found = dict(
            connection.execute(
                "select table_name, table_type from information_schema.tables"
                " where table_schema = 'main'"
            ).fetchall()
        )
        for key in keys:
            table = key.path[-1]
            if found.get(table) == "BASE TABLE":
                row = connection.execute(f'select count(*) from main."{table}"').fetchone()
                counts[key] = row[0] if row else 0
    return counts
