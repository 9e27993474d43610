"""One landed file: what it is, whether it can be used, and why not."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from dagster_project.landing.normalising import (
    UNPARSED,
    UnreadableFile,
    csv_columns,
    csv_rows,
    json_columns,
    json_rows,
    locate_wrong_byte,
    write_normalised,
)
from dagster_project.landing.parquet import ColumnTypes, read_parquet
from dagster_project.sources import Entity, InputColumn, Source

FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv.gz",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl.gz",
    ".ndjson": "jsonl",
    ".ndjson.gz": "jsonl.gz",
}

# First bytes of what people land by mistake.
SIGNATURES = (
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a zip archive, such as an Excel file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"%PDF", "PDF"),
)

# Today has begun in the east while it is still yesterday here.
DAYS_AHEAD = 1

# A reader of Parquet adds these two itself, and fails on a file that brings them.
UNUSABLE_COLUMNS = (UNPARSED, "filename", "file_row_number")


@dataclass(frozen=True)
class LandedFile:
    """Where a file lies and what it is declared to be.

    Attributes:
        source: the source whose folder it lies in.
        entity: the entity whose folder it lies in.
        path: its path below the entity's folder, with forward slashes.
        file: its path on this machine.
    """

    source: Source
    entity: Entity
    path: str
    file: Path

    @property
    def file_id(self) -> int:
        """A positive 63-bit number made from the path, so that every home has the same."""
        name = f"{self.source.name}/{self.entity.name}/{self.path}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1

    @property
    def shown_path(self) -> str:
        """The path below landing/, for people."""
        return f"{self.source.name}/{self.entity.name}/{self.path}"

    @property
    def format(self) -> str | None:
        """The format that the file's extension stands for, or None."""
        return next(
            (name for extension, name in FORMATS.items() if self.path.lower().endswith(extension)),
            None,
        )


@dataclass(frozen=True)
class Contents:
    """What an accepted file holds.

    Attributes:
        business_on: the day its lines became known.
        is_normalised: whether a normalised file was written, to be read in its place.
        row_count: its lines, those that do not parse included.
        columns: its column names, in its order.
        extra_columns: those of them that are not declared.
    """

    business_on: date
    is_normalised: bool
    row_count: int
    columns: tuple[str, ...]
    extra_columns: tuple[str, ...]


def sha256_of(file: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_landed(
    landed: LandedFile, normalised: Path, types: ColumnTypes, today: date | None = None
) -> Contents:
    """Check a landed file, and write its normalised Parquet file where it cannot be read in place.

    Args:
        landed: the file.
        normalised: where the normalised file goes.
        types: the types of this entity's Parquet files that are read in place; a file that joins
            them adds its own.
        today: the day that its business date must not lie beyond; None: it was accepted before.

    Raises:
        UnreadableFile: the file cannot be used; says what was expected, what was found, and what
            to do.
    """
    _check_kind(landed)
    business_on = business_date(landed)
    if today is not None:
        _check_has_come(landed, business_on, today)

    def check(columns: Sequence[str]) -> None:
        _check_columns(columns, landed.entity)

    if landed.format == "parquet":
        columns, row_count, is_normalised = read_parquet(
            landed.file, normalised, landed.entity.column_names, types, check
        )
    else:
        with _unreadable_where_broken(landed.file):
            columns, row_count = _normalise(landed, normalised, check)
        is_normalised = True
    extra = _extra_columns(columns, landed.entity)
    return Contents(business_on, is_normalised, row_count, tuple(columns), extra)


def business_date(landed: LandedFile) -> date:
    """Find the business date in a file's name, else in its path below the entity's folder.

    Files of other entities than sales_events may be undated: they count from the source's start.

    Raises:
        UnreadableFile: sales without a date, or what stands in the date's place is none.
    """
    pattern = landed.entity.business_date_pattern
    found = []
    for text in (landed.path.rpartition("/")[2], landed.path):
        for match in re.finditer(pattern, text):
            found.append(match.group(1) or "")
            try:
                return date.fromisoformat(found[-1])
            except ValueError:
                continue
    if found:
        raise UnreadableFile(
            f"expected the file's business date as YYYY-MM-DD or YYYYMMDD, found {found[0]!r} in "
            "its name. Land it under the right date."
        )
    if landed.entity.name != "sales_events":
        return landed.source.starts_on
    raise UnreadableFile(
        f"expected a business date in the file's name (pattern {pattern}), found none. Land it "
        f"under a name such as {landed.entity.name}_{landed.source.starts_on}.parquet, or declare "
        "the pattern as config.meta.business_date of the table."
    )


def _check_has_come(landed: LandedFile, business_on: date, today: date) -> None:
    """The business date is no later than today; plans may lie as far ahead as they are known."""
    ahead = timedelta(days=DAYS_AHEAD)
    if landed.entity.name == "promotions":
        ahead += timedelta(days=landed.source.forecast.promotions_known_ahead_days)
    if business_on - today > ahead:
        raise UnreadableFile(
            f"expected a business date until {today + ahead} (today is {today}), found "
            f"{business_on}. Land it under the right date, or leave it: it is taken once its day "
            "has come."
        )


def _check_kind(landed: LandedFile) -> None:
    """The name has a known extension, and the first bytes are what it says."""
    if landed.format is None:
        raise UnreadableFile(
            f"expected a file named {', '.join(FORMATS)}, found another extension. Convert it, "
            "or name it for what it is."
        )
    if landed.format == "parquet" and re.search(r"[*?\[]", landed.path):
        raise UnreadableFile(
            "expected a Parquet file's path without * ? or [, which SQL takes for a pattern. "
            "Rename it."
        )
    try:
        with landed.file.open("rb") as stream:
            start = stream.read(4096)
    except OSError as error:
        raise UnreadableFile(
            f"expected a file that can be opened, found: {error.strerror}. Make it readable."
        ) from None
    if not start:
        raise UnreadableFile("expected a file with content, found 0 bytes. Land it again, whole.")
    is_gzip = landed.format.endswith(".gz")
    expected = "gzip" if is_gzip else "Parquet" if landed.format == "parquet" else None
    found = next((name for bytes_, name in SIGNATURES if start.startswith(bytes_)), None)
    if found is None and expected is None and b"\0" in start:
        found = "binary data, or text in UTF-16"
    if found != expected:
        raise UnreadableFile(
            f"expected {expected or 'text in UTF-8'} as its name says, found "
            f"{found or 'something else'}. Land it in a format its name stands for."
        )


@contextmanager
def _unreadable_where_broken(file: Path) -> Iterator[None]:
    """Turn what readers raise on broken bytes into a reason."""
    try:
        yield
    except UnicodeDecodeError:
        place = locate_wrong_byte(file)
        where = f"byte 0x{place[1]:02x} at position {place[0]:,}" if place else "other bytes"
        raise UnreadableFile(
            f"expected text in UTF-8, found {where} (counted from 0). Save it as UTF-8."
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(
            f"expected a whole gzip file, found: {error}. Land it again, whole."
        ) from None


def _normalise(
    landed: LandedFile, target: Path, check: Callable[[Sequence[str]], None]
) -> tuple[list[str], int]:
    def keep(line: str, number: int) -> str:
        if landed.entity.has_personal_columns:
            return f"[withheld: may hold personal data; line {number} of {landed.shown_path}]"
        return line

    if str(landed.format).startswith("csv"):
        columns, delimiter = csv_columns(landed.file, landed.entity.column_names)
        rows = csv_rows(landed.file, columns, delimiter, keep)
    else:
        columns = json_columns(landed.file)
        rows = json_rows(landed.file, columns, keep)
    check(columns)
    return columns, write_normalised(rows, columns, target)


def _check_columns(found: Sequence[str], entity: Entity) -> None:
    """Every required column is there under one of its names, and no name twice (in any case)."""
    if not all(name.strip() for name in found):
        raise UnreadableFile("expected every column to have a name, found one without. Name it.")
    folded = [name.casefold() for name in found]
    doubled = [name for name in found if folded.count(name.casefold()) > 1]
    if doubled:
        raise UnreadableFile(
            f"expected each column once, found {', '.join(doubled)}. Rename or drop the doubled."
        )
    unusable = [name for name in found if name.casefold() in UNUSABLE_COLUMNS]
    if unusable:
        raise UnreadableFile(
            f"expected no column named {', '.join(UNUSABLE_COLUMNS)}, found {unusable[0]}. Rename "
            "it in the file."
        )
    missing = [
        column
        for column in entity.columns
        if not column.is_optional and not {name.casefold() for name in column.names} & set(folded)
    ]
    if missing:
        raise UnreadableFile(_missing_columns(missing, found, entity))


def _missing_columns(missing: Sequence[InputColumn], found: Sequence[str], entity: Entity) -> str:
    """Say what is missing, and the way out of the first: the others often go with it."""
    column = missing[0]
    spare = {name.casefold(): name for name in _extra_columns(found, entity)}
    alike = [
        close
        for name in column.names
        for close in difflib.get_close_matches(name.casefold(), spare, n=1)
    ]
    remedy = (
        f"If {spare[alike[0]]} is the same column, declare renamed_from: [{spare[alike[0]]}]"
        if alike
        else "If it has another name there, declare renamed_from: [that name]"
    )
    return (
        f"expected the column {', '.join(' or '.join(one.names) for one in missing)}, found "
        f"{', '.join(found)}. {remedy} "
        f"under config.meta of the column {column.name} in the source YAML; if files may lack it, "
        "declare optional: true."
    )


def _extra_columns(found: Sequence[str], entity: Entity) -> tuple[str, ...]:
    return tuple(name for name in found if name.casefold() not in entity.column_names)
