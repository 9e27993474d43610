"""How a port is read from SQL, Python and Parquet: text to copy, with the paths of this home."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dagster_project.publishing import PortManifest, Publication, reader_file
from dagster_project.settings import Settings
from dagster_project.warehouse import port

SHOWN_ROWS = 100
FILE_OF_A_VIEW = re.compile(r"read_parquet\(\W*'((?:[^']|'')+)'")


@dataclass(frozen=True)
class Place:
    """Where a table that is published from here can be read.

    Attributes:
        relation: its name in the port file.
        file: the port file.
        parquet: the pattern of its Parquet files.
        rows: how many it has; None of a table that changes between publications.
        is_restricted: whether only some roles may read it.
    """

    relation: str
    file: Path
    parquet: Path
    rows: int | None
    is_restricted: bool


@dataclass(frozen=True)
class Snippet:
    """A few lines to copy.

    Attributes:
        language: SQL, Python or Parquet.
        text: the lines.
    """

    language: str
    text: str


def read_places(settings: Settings, publication: Publication, file: Path) -> dict[str, Place]:
    """Where each table of a publication can be read, and those that are kept beside it.

    Args:
        settings: the deployment.
        publication: the current one.
        file: its open port file, whose views also name what is no part of a publication.
    """
    found = {
        relation: _of_publication(settings, manifest)
        for relation, manifest in publication.ports.items()
    }
    with port(file) as connection:
        views = connection.execute(
            "select view_name, sql from duckdb_views() where not internal and sql like ?"
            " order by view_name",
            [f"%{settings.published}/live/%"],
        ).fetchall()
    for relation, sql in views:
        match = FILE_OF_A_VIEW.search(sql)
        if match is not None:
            pattern = Path(match.group(1).replace("''", "'")).parent / "*.parquet"
            found[relation] = Place(relation, reader_file(settings), pattern, None, False)
    return found


def snippets(place: Place) -> tuple[Snippet, ...]:
    """The ways to read a table, each whole: it runs as it stands, also while a run writes."""
    return (
        Snippet(
            "SQL (DuckDB)",
            f"attach {quoted(place.file)} as sales (read_only);\n"
            f"select * from sales.{place.relation} limit {SHOWN_ROWS};\n"
            "detach sales;",
        ),
        Snippet(
            "Python",
            "import duckdb\n\n"
            f"with duckdb.connect({str(place.file)!r}, read_only=True) as sales:\n"
            f"    rows = sales.sql('select * from {place.relation} limit {SHOWN_ROWS}').df()",
        ),
        Snippet(
            "Parquet",
            f"select * from read_parquet({quoted(place.parquet)}) limit {SHOWN_ROWS};",
        ),
    )


def quoted(path: Path) -> str:
    """A path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _of_publication(settings: Settings, manifest: PortManifest) -> Place:
    folder = Path(manifest.files[0].path).parent
    return Place(
        relation=manifest.relation,
        file=reader_file(settings, restricted=manifest.is_restricted),
        parquet=settings.published / "current" / folder / "*.parquet",
        rows=manifest.rows,
        is_restricted=manifest.is_restricted,
    )
