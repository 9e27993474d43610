"""Documents that are published with the data: what people should know of this very publication."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from dagster_project.publishing.manifest import OtherFile, Publication

Describer = Callable[[duckdb.DuckDBPyConnection, Publication], Mapping[str, bytes]]
"""Gives the documents of a publication, whose ports are written, by path in its folder."""


def write_documents(folder: Path, contents: Mapping[str, bytes]) -> tuple[OtherFile, ...]:
    """Write documents into the folder of a publication, sorted by path."""
    return tuple(_write(folder, path, contents[path]) for path in sorted(contents))


def _write(folder: Path, path: str, content: bytes) -> OtherFile:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o444)
    return OtherFile.of(folder, path)
