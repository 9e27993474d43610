"""Take a person out of a CSV or JSON lines file; all other lines keep their bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from dagster_project.landing.file import LandedFile
from dagster_project.landing.normalising import Lines, csv_columns, csv_records, json_object
from dagster_project.landing.traces import Traces, as_before, dated_as, is_emptied, is_personal
from dagster_project.whole_file import whole_file

BYTE_ORDER_MARK = "\ufeff"


class TextFile:
    """A CSV or JSON lines file, line by line."""

    def __init__(self, landed: LandedFile, customer: str) -> None:
        """Look at a landed file for the sake of one person."""
        self.file = landed.file
        self.is_csv = str(landed.format).startswith("csv")
        self.entity = landed.entity
        self.customer = customer
        self.number = re.compile(rf"(?<!\w){re.escape(customer)}(?!\w)")
        self.lines = 0
        self.spellings: set[str] = set()

    def traces(self) -> Traces:
        """What the file holds of the person."""
        if self.is_csv and '"' not in self.customer:  # without the bytes no need to parse
            with _bytes(self.file) as stream:
                if self.customer.encode() not in stream.read():
                    return Traces(0, frozenset())
        for _ in self.rewritten():
            pass
        return Traces(self.lines, frozenset(self.spellings))

    def erase(self) -> None:
        """Write the file again without the person, in one step."""
        if not self.traces().lines:
            return
        with whole_file(self.file) as unfinished:
            as_before(self.file, unfinished)
            with _text(unfinished, "wb") as text:
                text.writelines(self.rewritten())
            dated_as(self.file, unfinished)

    def rewritten(self) -> Iterator[str]:
        """The text of the file without the person, counting the lines that held them."""
        self.lines = 0
        with _text(self.file) as text:
            yield from self._csv(text) if self.is_csv else map(self._json, text)

    def _csv(self, text: Iterator[str]) -> Iterator[str]:
        columns, delimiter = csv_columns(self.file, self.entity.column_names)
        lines = Lines(text)
        next(line for line in lines if line.strip())
        yield lines.taken
        lines.forget()
        for values in csv_records(lines, len(columns), delimiter):
            if values is None:
                yield self._without_number(lines.taken)
            elif not self._is_theirs(dict(zip(columns, values, strict=False))):
                yield lines.taken
            else:
                kept = [
                    "" if is_emptied(name, self.entity) else value
                    for name, value in zip(columns, values, strict=True)
                ]
                line = io.StringIO()
                end = re.search(r"[\r\n]*$", lines.taken)
                csv.writer(
                    line, delimiter=delimiter, lineterminator=end.group() if end else ""
                ).writerow(kept)
                yield line.getvalue()

    def _json(self, line: str) -> str:
        found = json_object(line.removeprefix(BYTE_ORDER_MARK))
        if found is None:
            return self._without_number(line)
        if not self._is_theirs(found):
            return line
        return with_nulls(line, {name for name in found if is_emptied(name, self.entity)})

    def _is_theirs(self, values: dict[str, str | None]) -> bool:
        spellings = {
            value
            for name, value in values.items()
            if is_personal(name, self.entity) and value and value.strip() == self.customer
        }
        self.spellings |= spellings
        self.lines += bool(spellings)
        return bool(spellings)

    def _without_number(self, line: str) -> str:
        erased = self.number.sub("", line)
        self.lines += erased != line
        return erased


def with_nulls(line: str, names: set[str]) -> str:
    """The JSON object of a line with null under some names; everything else keeps its text."""
    decoder = json.JSONDecoder()
    parts: list[str] = []
    done, at = 0, line.index("{") + 1
    while True:
        at = _after_space(line, at)
        if line[at] == "}":
            return "".join([*parts, line[done:]])
        name, at = decoder.raw_decode(line, at)
        at = _after_space(line, _after_space(line, at) + 1)  # the colon
        _, end = decoder.raw_decode(line, at)
        if name in names:
            parts += [line[done:at], "null"]
            done = end
        at = _after_space(line, end)
        at += line[at] == ","


def _after_space(line: str, at: int) -> int:
    while line[at] in " \t\r\n":
        at += 1
    return at


def _bytes(file: Path, mode: str = "rb") -> IO[Any]:
    return cast(IO[Any], gzip.open(file, mode)) if _is_gzip(file) else file.open(mode)


def _is_gzip(file: Path) -> bool:
    return file.name.removesuffix(".tmp").endswith(".gz")


def _text(file: Path, mode: str = "rb") -> io.TextIOWrapper:
    """The text of a file with its own line ends and its byte order mark."""
    return io.TextIOWrapper(_bytes(file, mode), "utf-8", newline="")
