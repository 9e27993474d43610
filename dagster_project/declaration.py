"""Strict reading of declarations: what is not what it must be is an error with a way out."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import holidays


class DeclarationError(ValueError):
    """A declaration is not what it must be; the message names file, field, rule and finding."""


@dataclass(frozen=True)
class Field:
    """A value of a declaration with its place, for errors that say where.

    Attributes:
        file: the YAML file.
        path: the way to the value, such as `sources[till].config.meta`.
        value: what stands there; None when nothing does.
    """

    file: Path
    path: str
    value: Any

    def __contains__(self, key: str) -> bool:
        """Whether the value is a mapping with this key."""
        return isinstance(self.value, dict) and key in self.value

    def fail(self, expected: str, remedy: str) -> NoReturn:
        """Raise the error of this field.

        Raises:
            DeclarationError: always.
        """
        found = "nothing" if self.value is None else repr(self.value)
        raise DeclarationError(
            f"{self.file}: {self.path or 'the document'}: expected {expected}, found "
            f"{found if len(found) <= 200 else found[:200] + ' …'}. To mend it, {remedy}."
        )

    def mapping(self) -> dict[str, Any]:
        """The value as a mapping; an absent one is empty."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict) or not all(isinstance(key, str) for key in self.value):
            self.fail("a mapping of names to values", "write `name: value` lines")
        return self.value

    def only(self, known: Collection[str]) -> list[str]:
        """The keys of the mapping, all of which must be known."""
        keys = list(self.mapping())
        for key in keys:
            if key not in known:
                place = f"{self.path}.{key}".lstrip(".")
                raise DeclarationError(
                    f"{self.file}: {place}: expected one of the keys {', '.join(known)}, found "
                    f"the unknown key {key!r}. To mend it, correct its name, move it to where it "
                    "belongs, or remove it."
                )
        return keys

    def child(self, key: str) -> Field:
        """The value under a key; its value is None when it is absent."""
        return Field(self.file, f"{self.path}.{key}".lstrip("."), self.mapping().get(key))

    def items(self) -> Iterator[Field]:
        """The members of a list of mappings, each placed by its name."""
        if not isinstance(self.value, list):
            self.fail("a list", "write it as `- name: …` lines")
        for position, value in enumerate(self.value):
            name = value.get("name", position) if isinstance(value, dict) else position
            yield Field(self.file, f"{self.path}[{name}]", value)

    def text(self, *, default: str | None = None, one_of: Collection[str] | None = None) -> str:
        """The value as text, required without a default."""
        value = default if self.value is None else self.value
        expected = f"one of {', '.join(one_of)}" if one_of else "a text"
        if not isinstance(value, str) or (one_of is not None and value not in one_of):
            self.fail(expected, f"write {expected}")
        return value

    def texts(self, *, one_of: Collection[str] | None = None) -> tuple[str, ...]:
        """The value as a list of texts; an absent one is empty."""
        if self.value is None:
            return ()
        expected = f"a list of {', '.join(one_of)}" if one_of else "a list of texts"
        if not isinstance(self.value, list) or not all(
            isinstance(item, str) and (one_of is None or item in one_of) for item in self.value
        ):
            self.fail(expected, 'write ["…", "…"], with numbers in quotes')
        return tuple(self.value)

    def flag(self, *, default: bool) -> bool:
        """The value as true or false."""
        value = default if self.value is None else self.value
        if not isinstance(value, bool):
            self.fail("true or false", "write true or false, without quotes")
        return value

    def whole_number(self, *, default: int, at_least: int) -> int:
        """The value as an integer of at least `at_least`."""
        value = default if self.value is None else self.value
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            self.fail(f"a whole number of at least {at_least}", "write such a number")
        return value

    def like(self, default: Any) -> Any:
        """The value of the type of its default: text, whole number or number."""
        if isinstance(default, str):
            return self.text(default=default)
        if isinstance(default, int):
            return self.whole_number(default=default, at_least=0)
        value = default if self.value is None else self.value
        if not _is_number(value):
            self.fail("a number", "write it as 0.1, say")
        return float(value)

    def share(self, *, default: float) -> float:
        """The value as a share between 0 and 1."""
        value = default if self.value is None else self.value
        if not _is_number(value) or not 0 <= value <= 1:
            self.fail("a share between 0 and 1", "write it as 0.9, say")
        return float(value)

    def bounds(self) -> tuple[float, float]:
        """The value as an inclusive pair [lowest, highest]."""
        value = self.value
        if (
            not isinstance(value, list)
            or len(value) != 2
            or not all(_is_number(bound) for bound in value)
            or value[0] > value[1]
        ):
            self.fail("[lowest, highest], two numbers in order", "write it as [-1000, 1000], say")
        return float(value[0]), float(value[1])

    def day(self) -> datetime.date:
        """The value as a date, required."""
        value = self.value
        if isinstance(value, str):
            try:
                return datetime.date.fromisoformat(value)
            except ValueError:
                self.fail("a date as YYYY-MM-DD", "write it so")
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            self.fail("a date as YYYY-MM-DD", "write it so")
        return value

    def pattern(self, *, default: str) -> str:
        """The value as a regular expression with one group."""
        value = self.text(default=default)
        try:
            groups = re.compile(value).groups
        except re.error as error:
            self.fail(f"a regular expression ({error})", "correct it")
        if groups != 1:
            self.fail("a regular expression with exactly one group", "put ( ) around the date")
        return value

    def time_zone(self) -> str:
        """The value as the name of a time zone, required."""
        if self.value not in zoneinfo.available_timezones():
            self.fail("a time zone's name, such as Europe/London", "write one of the tz database")
        return str(self.value)

    def country(self) -> str:
        """The value as an ISO code of a country whose public holidays are known, required."""
        try:
            holidays.country_holidays(self.value)
        except (NotImplementedError, TypeError):
            self.fail(
                "the ISO 3166 code of a country whose holidays the package `holidays` knows",
                "write it as GB, say (NO needs quotes in YAML)",
            )
        return str(self.value)

    def currency(self) -> str | None:
        """The value as an ISO 4217 code, or None where it is absent."""
        if self.value is not None and not (
            isinstance(self.value, str) and re.fullmatch("[A-Z]{3}", self.value)
        ):
            self.fail("an ISO 4217 currency code or null", "write it as GBP, say")
        return self.value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
