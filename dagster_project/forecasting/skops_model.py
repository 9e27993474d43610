"""A fitted model as a skops file whose bytes depend on nothing but the model.

skops names objects by their addresses in memory and dates its archive. Here they are numbered in
the order in which they occur, and the date is that of the first archive there could be.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from dagster_project.forecasting.forecast import ForecastModel

SCHEMA = "schema.json"
FIRST_DATE = (1980, 1, 1, 0, 0, 0)
PLAIN = ("JsonNode", "TypeNode")
"""Nodes that hold a value: whether two of them are one object is chance."""


def skops_bytes(model: ForecastModel) -> bytes:
    """Serialise `to_state` of a model; the same model gives the same bytes."""
    import skops.io  # takes seconds, which most commands need not wait for

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model.to_state()))) as dumped:
        schema, files = json.loads(dumped.read(SCHEMA)), _Numbers()
        _renumber(schema, _Numbers(), files)
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in files.known:
                suffix = name.partition(".")[2]
                _add(archive, f"{files.known[name]}.{suffix}", dumped.read(name))
            _add(archive, SCHEMA, json.dumps(schema).encode())
    return written.getvalue()


class _Numbers:
    """Gives numbers in the order of first asking."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def of(self, key: Any) -> int:
        return self.known.setdefault(key, len(self.known))


def _renumber(node: Any, objects: _Numbers, files: _Numbers) -> None:
    if isinstance(node, list):
        for item in node:
            _renumber(item, objects, files)
    if not isinstance(node, dict):
        return
    if "__loader__" in node:
        if "__id__" in node:
            is_plain = node["__loader__"] in PLAIN
            node["__id__"] = objects.of(object() if is_plain else node["__id__"])
        if "file" in node:
            number = files.of(node["file"])
            node["file"] = f"{number}.{node['file'].partition('.')[2]}"
    for value in node.values():
        _renumber(value, objects, files)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, FIRST_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
