"""How a port is read from SQL, Python and Parquet: text to copy, with the paths of this home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dagster_project.publishing import PortManifest, reader_file
from dagster_project.settings import Settings

SHOWN_ROWS = 100


@dataclass(frozen=True)
class Snippet:
    """A few lines to copy.

    Attributes:
        language: SQL, Python or Parquet.
        text: the lines.
    """

    language: str
    text: str


def snippets(settings: Settings, manifest: PortManifest) -> tuple[Snippet, ...]:
    """The ways to read a port, each whole: it runs as it stands, also while a run writes."""
    file = reader_file(settings, restricted=manifest.is_restricted)
    files = parquet_files(settings, manifest)
    relation = manifest.relation
    return (
        Snippet(
            "SQL (DuckDB)",
            f"attach {quoted(file)} as sales (read_only);\n"
            f"select * from sales.{relation} limit {SHOWN_ROWS};\n"
            "detach sales;",
        ),
        Snippet(
            "Python",
            "import duckdb\n\n"
            f"with duckdb.connect({str(file)!r}, read_only=True) as sales:\n"
            f"    rows = sales.sql('select * from {relation} limit {SHOWN_ROWS}').df()",
        ),
        Snippet(
            "Parquet",
            f"select * from read_parquet({quoted(files)}) limit {SHOWN_ROWS};",
        ),
    )


def parquet_files(settings: Settings, manifest: PortManifest) -> Path:
    """The pattern of a port's Parquet files in the current publication."""
    folder = Path(manifest.files[0].path).parent
    return settings.published / "current" / folder / "*.parquet"


def quoted(path: Path) -> str:
    """A path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
