"""What a deployment declares of its sources, read from dbt's source YAML and from nowhere else.

One folder per source, `dbt_project/models/staging/<source>/`: its staging models
`stg_<source>__<entity>.sql`, and a YAML whose `sources:` block carries `config.meta.meshcast`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from dagster_project.declaration import DeclarationError, Field
from dagster_project.parameters import Parameters
from dagster_project.settings import DBT_PROJECT, Settings

ENTITIES = ("sales_events", "products", "stores", "promotions", "calendar")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ISO_DATE_IN_NAME = r"(?<!\d)(\d{4}-\d{2}-\d{2}|\d{8})(?!\d)"

# Names that staging adds to the columns of a file, so that no column may be declared with them.
RESERVED_COLUMNS = ("file_id", "row_number", "known_on", "unparsed_line")

TABLE_KEYS = (
    "name",
    "description",
    "columns",
    "config",
    "data_tests",
    "freshness",
    "identifier",
    "loaded_at_field",
    "loaded_at_query",
    "quoting",
    "tags",
)
COLUMN_KEYS = ("name", "description", "config", "constraints", "data_tests", "data_type", "quote")
SOURCE_KEYS = (
    "country",
    "time_zone",
    "currency",
    "starts_on",
    "measure",
    "unit",
    "grain",
    "corrections",
    "open_days",
    "plausible",
    "forecast",
)
FORECAST_KEYS = (
    "horizon_days",
    "origin_weekday",
    "history_days",
    "min_weeks_sold_share",
    "new_weeks",
    "excluded_products",
    "promotions_known_ahead_days",
    "model",
)


@dataclass(frozen=True)
class InputColumn:
    """A column that landed files bring.

    Attributes:
        name: the name in the files.
        is_optional: whether a file without it is accepted.
        is_personal: whether it identifies a person; staging sees it hashed only.
        renamed_from: other names the same column has in older or newer files.
        description: what it holds, for people; empty where nothing is declared.
    """

    name: str
    is_optional: bool = False
    is_personal: bool = False
    renamed_from: tuple[str, ...] = ()
    description: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the column may have in a file, the declared one first."""
        return (self.name, *self.renamed_from)


@dataclass(frozen=True)
class Entity:
    """One kind of thing that a source lands.

    Attributes:
        name: one of `ENTITIES`.
        business_date_pattern: regular expression with one group that finds a file's business date.
        columns: the declared columns, in the order of the declaration.
        description: what its files hold, for people; empty where nothing is declared.
    """

    name: str
    business_date_pattern: str
    columns: tuple[InputColumn, ...]
    description: str = ""

    @property
    def column_names(self) -> frozenset[str]:
        """Every name of every column, without case: SQL does not tell case apart."""
        return frozenset(name.casefold() for column in self.columns for name in column.names)

    @property
    def has_personal_columns(self) -> bool:
        """Whether a line of this entity may hold personal data."""
        return any(column.is_personal for column in self.columns)


@dataclass(frozen=True)
class ForecastScope:
    """Which series are forecast, how far, from which history.

    Attributes:
        horizon_days: days ahead; 1 is the first day after the cutoff.
        origin_weekday: weekday of the origin, which is the day after the cutoff.
        history_days: days of history before a cutoff that training uses.
        min_weeks_sold_share: in scope are series sold in at least this share of the weeks known.
        new_weeks: weeks for which a product or store that came later than its source is new, and
            forecast from the others; 0 if never.
        excluded_products: product ids whose quantity counts no units.
        promotions_known_ahead_days: how many days before its start a promotion plan is known.
        model: how the model is fitted: the defaults, but for what is declared.
    """

    horizon_days: int
    origin_weekday: str
    history_days: int
    min_weeks_sold_share: float
    new_weeks: int
    excluded_products: tuple[str, ...]
    promotions_known_ahead_days: int
    model: Parameters


@dataclass(frozen=True)
class Source:
    """A source as its analyst declared it; each attribute is documented in the source YAML."""

    name: str
    description: str
    country: str
    time_zone: str
    currency: str | None
    starts_on: date
    measure: str
    unit: str
    corrections: str
    open_days: str
    plausible: dict[str, tuple[float, float]]
    forecast: ForecastScope
    entities: dict[str, Entity]
    grain: dict[str, str]


def read_sources(project: Path = DBT_PROJECT) -> dict[str, Source]:
    """Read every declared source of a dbt project, by name.

    Raises:
        DeclarationError: a key is unknown or a value is not what it must be; names the file, the
            field, what was expected and what was found.
    """
    sources: dict[str, Source] = {}
    for file in sorted((project / "models" / "staging").glob("*/*.y*ml")):
        document = _read_yaml(file)
        for declared in document.child("sources").items() if "sources" in document else []:
            meta = declared.child("config").child("meta")
            meta.only(("meshcast", "dagster"))
            if "meshcast" not in meta:
                continue
            source = _read_source(declared)
            if source.name != file.parent.name:
                declared.child("name").fail(
                    f"the name of its folder, {file.parent.name!r}", "rename one of them"
                )
            if source.name in sources:
                declared.child("name").fail("one declaration per source", "remove the second one")
            sources[source.name] = source
    return sources


def deployed_sources(settings: Settings, project: Path = DBT_PROJECT) -> tuple[Source, ...]:
    """Return the sources of this deployment: `settings.sources`, else those of dbt_project.yml.

    Raises:
        DeclarationError: a name is not declared, a source has no staged sales events or stages an
            entity it does not declare, or the sources differ in horizon, origin weekday or model.
    """
    declared = read_sources(project)
    names = settings.sources or tuple(_default_vars(project))
    unknown = [name for name in names if name not in declared]
    if unknown or not names:
        raise DeclarationError(
            f"sources of the deployment: expected declared ones ({', '.join(declared) or 'none'}), "
            f"found {', '.join(unknown) or 'none'}. Name a declared source, or write "
            f"{project.name}/models/staging/<source>/<source>.yml."
        )
    sources = tuple(declared[name] for name in names)
    for source in sources:
        _check_staging(source, project)
    for rule in ("horizon_days", "origin_weekday", "model"):
        found = {source.name: getattr(source.forecast, rule) for source in sources}
        if len(set(found.values())) > 1:
            raise DeclarationError(
                f"forecast.{rule}: expected the same in every source of a deployment, found "
                f"{', '.join(f'{name}: {value}' for name, value in found.items())}. Declare one, "
                "or deploy the sources apart (one MESHCAST_HOME each)."
            )
    return sources


def staged_entities(source_name: str, project: Path = DBT_PROJECT) -> tuple[str, ...]:
    """Entities of a source that have a staging model, in the order of `ENTITIES`."""
    folder = project / "models" / "staging" / source_name
    return tuple(
        entity for entity in ENTITIES if (folder / f"stg_{source_name}__{entity}.sql").is_file()
    )


def dbt_vars(settings: Settings, project: Path = DBT_PROJECT) -> dict[str, Any] | None:
    """Variables dbt needs for this deployment.

    Returns:
        `{"sources": {name: [entity, ...]}}`, or None when dbt_project.yml says the same: passing
        variables makes dbt parse the project again.
    """
    deployed = {
        source.name: list(staged_entities(source.name, project))
        for source in deployed_sources(settings, project)
    }
    default = _default_vars(project)
    is_default = {name: sorted(entities) for name, entities in deployed.items()} == {
        name: sorted(entities) for name, entities in default.items()
    }
    return None if is_default else {"sources": deployed}


def _default_vars(project: Path) -> dict[str, list[str]]:
    """Sources and entities of dbt_project.yml."""
    declared = _read_yaml(project / "dbt_project.yml").child("vars").child("sources")
    return {name: list(declared.child(name).texts(one_of=ENTITIES)) for name in declared.mapping()}


def _read_yaml(file: Path) -> Field:
    try:
        return Field(file, "", yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{file}: expected YAML, found {error}. Correct the file.") from None


def _check_staging(source: Source, project: Path) -> None:
    staged = staged_entities(source.name, project)
    folder = f"models/staging/{source.name}"
    if "sales_events" not in staged:
        raise DeclarationError(
            f"{source.name}: expected the staging model {folder}/stg_{source.name}__sales_events"
            f".sql, found {', '.join(staged) or 'no staging model'}. Write it."
        )
    undeclared = [entity for entity in staged if entity not in source.entities]
    if undeclared:
        raise DeclarationError(
            f"{source.name}: expected each staged entity among the tables of its source YAML, "
            f"found {folder}/stg_{source.name}__{undeclared[0]}.sql without one. Declare it."
        )


def _read_source(declared: Field) -> Source:
    meta = declared.child("config").child("meta").child("meshcast")
    meta.only(SOURCE_KEYS)
    entities = [_read_entity(table) for table in declared.child("tables").items()]
    names = [entity.name for entity in entities]
    if "sales_events" not in names or len(set(names)) < len(names):
        declared.child("tables").fail(
            "each entity once, sales_events among them", "add sales_events, merge the doubled"
        )
    return Source(
        name=declared.child("name").text(),
        description=declared.child("description").text(default="").strip(),
        country=meta.child("country").country(),
        time_zone=meta.child("time_zone").time_zone(),
        currency=meta.child("currency").currency(),
        starts_on=meta.child("starts_on").day(),
        measure=meta.child("measure").text(default="units", one_of=("units", "turnover")),
        unit=meta.child("unit").text(default="each"),
        corrections=meta.child("corrections").text(
            default="none", one_of=("none", "same_event_id", "whole_day")
        ),
        open_days=meta.child("open_days").text(
            default="sales", one_of=("sales", "every_day", "calendar")
        ),
        plausible=_read_plausible(meta.child("plausible")),
        forecast=_read_forecast(meta.child("forecast")),
        entities={entity.name: entity for entity in entities},
        grain={
            key: meta.child("grain").child(key).text()
            for key in meta.child("grain").only(("product", "store"))
        },
    )


def _read_plausible(declared: Field) -> dict[str, tuple[float, float]]:
    keys = declared.only(("quantity", "unit_price"))
    return {key: declared.child(key).bounds() for key in keys}


def _read_forecast(declared: Field) -> ForecastScope:
    declared.only(FORECAST_KEYS)
    return ForecastScope(
        horizon_days=declared.child("horizon_days").whole_number(default=28, at_least=1),
        origin_weekday=declared.child("origin_weekday").text(default="monday", one_of=WEEKDAYS),
        history_days=declared.child("history_days").whole_number(default=730, at_least=1),
        min_weeks_sold_share=declared.child("min_weeks_sold_share").share(default=0.9),
        new_weeks=declared.child("new_weeks").whole_number(default=8, at_least=0),
        excluded_products=declared.child("excluded_products").texts(),
        promotions_known_ahead_days=declared.child("promotions_known_ahead_days").whole_number(
            default=0, at_least=0
        ),
        model=_read_model(declared.child("model")),
    )


def _read_model(declared: Field) -> Parameters:
    defaults = {field.name: field.default for field in fields(Parameters)}
    values = {key: declared.child(key).like(defaults[key]) for key in declared.only(list(defaults))}
    try:
        return Parameters(**values)
    except ValueError as error:
        declared.fail(f"parameters of a model ({error})", "correct the value")


def _read_entity(declared: Field) -> Entity:
    declared.only(TABLE_KEYS)
    meta = declared.child("config").child("meta")
    meta.only(("business_date", "dagster"))
    columns = tuple(_read_column(column) for column in declared.child("columns").items())
    names = [name.casefold() for column in columns for name in column.names]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled or not columns:
        declared.child("columns").fail(
            "at least one column, and each name once (renamed_from included, in any case)",
            f"remove the doubled {', '.join(doubled)}" if doubled else "declare the columns",
        )
    return Entity(
        name=declared.child("name").text(one_of=ENTITIES),
        business_date_pattern=meta.child("business_date").pattern(default=ISO_DATE_IN_NAME),
        columns=columns,
        description=declared.child("description").text(default="").strip(),
    )


def _read_column(declared: Field) -> InputColumn:
    declared.only(COLUMN_KEYS)
    meta = declared.child("config").child("meta")
    meta.only(("optional", "personal", "renamed_from"))
    column = InputColumn(
        name=declared.child("name").text(),
        is_optional=meta.child("optional").flag(default=False),
        is_personal=meta.child("personal").flag(default=False),
        renamed_from=meta.child("renamed_from").texts(),
        description=declared.child("description").text(default="").strip(),
    )
    if any(name.casefold() in RESERVED_COLUMNS for name in column.names):
        declared.child("name").fail(
            f"a name other than {', '.join(RESERVED_COLUMNS)}", "rename the column in its files"
        )
    return column
