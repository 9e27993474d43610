"""The lineage that no SQL tells: what Python carries from table to table, and our functions do."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.contracts.column_flow import ColumnRef
from dagster_project.declaration import DeclarationError, Field
from dagster_project.settings import CHECKOUT, DATA_PRODUCTS

LINEAGE = "lineage.yaml"
EVERY_OTHER = "*"


@dataclass(frozen=True)
class Hop:
    """A table that Python writes.

    Attributes:
        relation: the table, with its schema where that is not main.
        by: the function that writes it, as `<file>::<function>`.
        columns: what each column is made from, as `relation.column` or `relation.*`; the column
            `*` stands for every one that is not named.
    """

    relation: str
    by: str
    columns: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class DeclaredLineage:
    """What the file declares.

    Attributes:
        file: where it stands.
        masks: functions whose result names nobody.
        functions: functions that pass on what they are given.
        digests: columns of SQL whose value stands for a whole line, so for no person; those that
            it is computed from count as weighed.
        hops: the tables that Python writes.
    """

    file: Path
    masks: frozenset[str]
    functions: frozenset[str]
    digests: frozenset[ColumnRef]
    hops: tuple[Hop, ...]


def read_declared_lineage(
    products: Path = DATA_PRODUCTS, checkout: Path = CHECKOUT
) -> DeclaredLineage:
    """Read data_products/lineage.yaml.

    Raises:
        DeclarationError: it is not what it must be, or names a function that does not exist.
    """
    file = products / LINEAGE
    try:
        declared = Field(file, "", yaml.safe_load(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DeclarationError(f"{file}: expected this file, found none. Write it.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{file}: expected YAML, found {error}. Correct the file.") from None
    declared.only(("functions", "digests", "tables"))
    effects = {
        name.lower(): declared.child("functions").child(name).text(one_of=("masks", "passes"))
        for name in declared.child("functions").mapping()
    }
    return DeclaredLineage(
        file=file,
        masks=frozenset(name for name, effect in effects.items() if effect == "masks"),
        functions=frozenset(name for name, effect in effects.items() if effect == "passes"),
        digests=frozenset(_read_digest(item) for item in declared.child("digests").items()),
        hops=tuple(_read_hop(table, checkout) for table in declared.child("tables").items()),
    )


def _read_digest(declared: Field) -> ColumnRef:
    declared.only(("name", "because"))
    declared.child("because").text()
    relation, _, column = declared.child("name").text().lower().rpartition(".")
    return ColumnRef(relation, column)


def _read_hop(declared: Field, checkout: Path) -> Hop:
    declared.only(("name", "by", "columns"))
    by = declared.child("by").text()
    path, _, function = by.partition("::")
    if function not in _functions(checkout / path):
        declared.child("by").fail(
            "<file>::<function> of a Python function of this checkout", "name the one that writes"
        )
    columns = declared.child("columns")
    return Hop(
        relation=declared.child("name").text().lower(),
        by=by,
        columns={name.lower(): columns.child(name).texts() for name in columns.mapping()},
    )


def _functions(file: Path) -> Iterator[str]:
    """Names of the functions that a Python file defines."""
    if file.is_file():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node.name
