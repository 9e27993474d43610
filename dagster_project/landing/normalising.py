"""Landed CSV and JSON lines made into Parquet: all text, in file order, broken lines included.

SQL cannot keep the line that it fails to parse, so the parsing happens here, once per file. What
lands as CSV or JSON then reads like what lands as Parquet.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.whole_file import whole_file

UNPARSED = "unparsed_line"
DELIMITERS = (",", ";", "\t")

# DuckDB's own row group size: a file of many lines is then scanned by all threads.
ROW_GROUP_ROWS = 122_880

Row = tuple[Sequence[str | None], str | None]
"""The values of a line in the order of the columns, and the line itself where it did not parse."""

KeptLine = Callable[[str, int], str]
"""What is kept of a line that does not parse, from the line and its number in the file."""


class UnreadableFile(ValueError):
    """A landed file cannot be used; the message is the reason that is recorded."""


def csv_columns(file: Path, declared: frozenset[str]) -> tuple[list[str], str]:
    """Read the names in a CSV file's header, and the delimiter that separates them.

    The delimiter is the one that finds most of the declared names (given without case); a comma
    where none does.

    Raises:
        UnreadableFile: the file holds no header.
    """
    with _text(file) as lines:
        header = next((line for line in lines if line.strip()), "")
    headers = []
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader([header], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        names = [name.strip() or f"unnamed_{place}" for place, name in enumerate(names, start=1)]
        headers.append((names, delimiter))
    if not header or not headers:
        raise UnreadableFile(
            "expected a header line, found none that parses. Land a file with one."
        )
    return max(headers, key=lambda header: len({name.casefold() for name in header[0]} & declared))


def csv_rows(file: Path, columns: Sequence[str], delimiter: str, keep: KeptLine) -> Iterator[Row]:
    """Read the lines below the header; one with another number of fields is kept unparsed.

    A quote that is never closed costs the line it stands in, not those after it. Blank lines are
    no lines.

    Args:
        file: a CSV file in UTF-8, gzipped when its name ends in .gz.
        columns: names of the header.
        delimiter: what separates fields.
        keep: what to keep of an unparsed line.
    """
    with _text(file) as text:
        lines = Lines(text)
        next(line for line in lines if line.strip())  # the header
        lines.forget()
        nothing = (None,) * len(columns)
        for values in csv_records(lines, len(columns), delimiter):
            if values is None:
                yield nothing, keep(lines.taken.rstrip("\r\n"), lines.number)
            elif values:
                yield values, None


def csv_records(lines: Lines, width: int, delimiter: str) -> Iterator[list[str] | None]:
    """The records below a header: their values, [] for a blank line, None for one that is none.

    While a record is looked at, `lines.taken` is its text.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            values: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values = None
        if values is None or (values and len(values) != width):
            lines.give_back()
            values = None
        yield values
        lines.forget()


def json_columns(file: Path) -> list[str]:
    """Read the keys of all objects of a JSON lines file, in the order they first appear.

    Raises:
        UnreadableFile: no line is a JSON object.
    """
    keys: dict[str, None] = {}
    with _text(file) as lines:
        for line in lines:
            found = json_object(line)
            if found is not None:
                keys.update(dict.fromkeys(found))
    if not keys:
        raise UnreadableFile(
            "expected one JSON object in each line, found no line that is one. Land one object a "
            "line, without brackets or commas around them."
        )
    return list(keys)


def json_rows(file: Path, columns: Sequence[str], keep: KeptLine) -> Iterator[Row]:
    """Read the lines of a JSON lines file; one that is no JSON object is kept unparsed.

    Numbers keep the digits they were written with; arrays and objects become JSON text. The
    arguments are those of `csv_rows`.
    """
    nothing = (None,) * len(columns)
    with _text(file) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            found = json_object(line)
            if found is None:
                yield nothing, keep(line.rstrip("\r\n"), number)
            else:
                yield [found.get(column) for column in columns], None


def write_normalised(rows: Iterator[Row], columns: Sequence[str], target: Path) -> int:
    """Write rows as Parquet, all text, with the column `unparsed_line` last.

    An empty text is written as null. The file appears whole or not at all.

    Returns:
        The number of rows.
    """
    schema = pa.schema([(name, pa.string()) for name in (*columns, UNPARSED)])
    width = len(columns)
    written = 0
    with whole_file(target) as unfinished, pq.ParquetWriter(unfinished, schema) as writer:
        while True:
            # one flat list: a list per line kept alive makes the garbage collector the main cost
            flat: list[str | None] = []
            unparsed: list[str | None] = []
            for values, line in islice(rows, ROW_GROUP_ROWS):
                flat.extend(values)
                unparsed.append(line)
            if not unparsed:
                break
            arrays = [_text_array(flat[place::width]) for place in range(width)]
            writer.write_table(pa.table([*arrays, pa.array(unparsed, pa.string())], schema=schema))
            written += len(unparsed)
    return written


def locate_wrong_byte(file: Path) -> tuple[int, int] | None:
    """Find the first byte that is not UTF-8: its position from 0 and its value."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    decoded = 0
    with _binary(file) as stream:
        while True:
            chunk = stream.read(1 << 20)
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return decoded - waiting + error.start, error.object[error.start]
            if not chunk:
                return None
            decoded += len(chunk)


def _binary(file: Path) -> IO[bytes]:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]


@contextmanager
def _text(file: Path) -> Iterator[TextIOWrapper]:
    """The lines of a text file with their own line ends; a byte order mark is dropped."""
    with _binary(file) as stream, TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        yield text


def _text_array(values: list[str | None]) -> pa.Array:
    texts = pa.array(values, type=pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


class Lines:
    """Lines for a CSV reader, which can be given back when a record turns out not to end."""

    def __init__(self, text: Iterator[str]) -> None:
        """Read from an open text, or any other iterator of lines."""
        self.number = 1
        self._text = text
        self._taken: list[str] = []
        self._again: list[str] = []

    def __iter__(self) -> Lines:
        """Itself: csv asks for it."""
        return self

    def __next__(self) -> str:
        """The next line, one that was given back first."""
        line = self._again.pop() if self._again else next(self._text)
        self._taken.append(line)
        return line

    def forget(self) -> None:
        """The record is done: `number` is the line where the next one starts."""
        self.number += len(self._taken)
        self._taken.clear()

    @property
    def taken(self) -> str:
        """The text of the record, line ends included."""
        return "".join(self._taken)

    def give_back(self) -> None:
        """Keep only the first line of the record; the others are read again."""
        first, *others = self._taken
        self._again.extend(reversed(others))
        self._taken = [first]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_object(line: str) -> dict[str, str | None] | None:
    """The object in a line with its values as text, or None where the line is none."""
    try:
        found = json.loads(line, parse_float=str, parse_int=str, parse_constant=_refuse_constant)
        if not isinstance(found, dict):
            return None
        texts = {key: _json_text(value, key, line) for key, value in found.items()}
        if "\\u" in line:  # half a surrogate pair is legal JSON and no text
            json.dumps(texts, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return texts


def _json_text(value: Any, key: str, line: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(json.loads(line)[key], ensure_ascii=False)
