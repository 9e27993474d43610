"""The models between landed files and a product, by layer, as their SQL names each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dagster_project.settings import DBT_PROJECT

REFERENCE = re.compile(r"""\bref\(\s*['"](\w+)['"](?:\s*,\s*(?:v|version)\s*=\s*(\d+))?\s*\)""")
STATE = re.compile(r"""\bsource\(\s*['"]state['"]\s*,\s*['"](\w+)['"]\s*\)""")
LAYERS = ("staging", "events", "entities", "daily", "features", "observability", "data_products")


@dataclass(frozen=True)
class Layer:
    """A folder of models, and those of them that a product is made from."""

    name: str
    models: tuple[str, ...]


def layers_of(
    relations: Iterable[str],
    written_by_python: Mapping[str, Iterable[str]],
    project: Path = DBT_PROJECT,
) -> tuple[Layer, ...]:
    """Every model that some published tables are made from, themselves included.

    Args:
        relations: the published tables.
        written_by_python: models that a table of the schema `state` is made from, by table.
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
            read |= set(written_by_python.get(table, ()))
        waiting += [model for model in read if model in files]
    by_layer: dict[str, list[str]] = {}
    for name in sorted(reached):
        by_layer.setdefault(files[name].relative_to(project / "models").parts[0], []).append(name)
    known = [layer for layer in LAYERS if layer in by_layer]
    other = sorted(set(by_layer) - set(LAYERS))
    return tuple(Layer(name, tuple(by_layer[name])) for name in (*known, *other))
