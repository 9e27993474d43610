"""The models between landed files and a product, by layer, as their SQL names each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.settings import DATA_PRODUCTS, DBT_PROJECT

REFERENCE = re.compile(r"""\bref\(\s*['"](\w+)['"](?:\s*,\s*(?:v|version)\s*=\s*(\d+))?\s*\)""")
STATE = re.compile(r"""\bsource\(\s*['"]state['"]\s*,\s*['"](\w+)['"]\s*\)""")
LINEAGE = "lineage.yaml"
LAYERS = ("staging", "events", "entities", "daily", "features", "observability", "data_products")


@dataclass(frozen=True)
class Layer:
    """A folder of models, and those of them that a product is made from."""

    name: str
    models: tuple[str, ...]


def written_by_python(products: Path = DATA_PRODUCTS) -> dict[str, tuple[str, ...]]:
    """Models that each table written by Python is made from, by table, as lineage.yaml declares."""
    file = products / LINEAGE
    if not file.exists():
        return {}
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))["tables"]
    return {
        table["name"].removeprefix("state."): tuple(
            sorted(
                {
                    column.rpartition(".")[0].removeprefix("state.")
                    for columns in table["columns"].values()
                    for column in columns
                }
            )
        )
        for table in declared
    }


def layers_of(
    relations: Iterable[str],
    written: Mapping[str, Iterable[str]],
    project: Path = DBT_PROJECT,
) -> tuple[Layer, ...]:
    """Every model that some published tables are made from, themselves included.

    Args:
        relations: the published tables.
        written: what a table of the schema `state` is made from, by table.
        project: the dbt project.
    """
    files = {file.stem: file for file in sorted((project / "models").rglob("*.sql"))}
    reached: set[str] = set()
    waiting = [name for name in relations if name in files]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        text = files[name].read_text(encoding="utf-8")
        read = {
            f"{model}_v{version}" if version else model
            for model, version in REFERENCE.findall(text)
        }
        for table in STATE.findall(text):
            read |= _behind(table, written)
        waiting += [model for model in read if model in files]
    by_layer: dict[str, list[str]] = {}
    for name in sorted(reached):
        by_layer.setdefault(files[name].relative_to(project / "models").parts[0], []).append(name)
    known = [layer for layer in LAYERS if layer in by_layer]
    other = sorted(set(by_layer) - set(LAYERS))
    return tuple(Layer(name, tuple(by_layer[name])) for name in (*known, *other))


def _behind(table: str, written: Mapping[str, Iterable[str]]) -> set[str]:
    """The models behind a table that Python writes, also through other such tables."""
    reached: set[str] = set()
    waiting = [table]
    while waiting:
        found = set(written.get(waiting.pop(), ())) - reached
        reached |= found
        waiting += found
    return reached
