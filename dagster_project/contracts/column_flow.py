"""Which columns each column of one SELECT is computed from, and what is left of them.

What decides which rows there are (joins, where, group by) is not followed: a column is computed
from what stands in its own expression, the windows it looks through included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

DIALECT = "duckdb"

# Table functions whose rows come from their arguments, or from the system and no table of ours.
HARMLESS_TABLE_FUNCTIONS = frozenset({"generate_series", "pg_timezone_names", "range", "unnest"})


# How sqlglot shows a place in a terminal.
UNDERLINED = re.compile(r"\x1b\[\d+m")

# What comes out tells how a value lies to others, or how many there are, but not the value.
WEIGHING = (exp.Predicate, exp.Connector, exp.Not, exp.Count, exp.CountIf)

# A rank is one number for each value it is by, so it can stand for the value.
RANKS = (exp.DenseRank, exp.Rank, exp.PercentRank, exp.CumeDist, exp.Ntile)


class ColumnUnresolved(ValueError):
    """A column, function or table of a query is not known, so neither is where it comes from."""


@dataclass(frozen=True, order=True)
class ColumnRef:
    """A column of a relation; names are lower case, as DuckDB tells no case apart."""

    relation: str
    column: str

    def __str__(self) -> str:
        """The column as people write it."""
        return f"{self.relation}.{self.column}"


@dataclass(frozen=True, order=True)
class Step:
    """One column that another is computed from.

    Attributes:
        source: the column that is read.
        is_masked: whether it goes through a mask.
        is_weighed: whether it is only compared, counted or sorted by, so that a value that names
            nobody is not carried on.
    """

    source: ColumnRef
    is_masked: bool = False
    is_weighed: bool = False

    def through(self, later: Step) -> Step:
        """This step with what a later one on the same way does to it."""
        return Step(
            self.source, self.is_masked or later.is_masked, self.is_weighed or later.is_weighed
        )


NOWHERE = ColumnRef("", "")

Steps = frozenset[Step]
Flow = dict[str, Steps]


@dataclass(frozen=True)
class Relations:
    """What queries may read.

    Attributes:
        columns: type of each column, by relation: `table`, or `schema.table` outside of main.
        landed: relation of the landed files that a session variable lists, by its name.
        masks: functions that make a personal value one that names nobody.
        functions: functions of ours that pass on what they are given.
        builtins: DuckDB's own functions.
        table_macros: table macros by name; their columns are in `columns` under that name.
    """

    columns: Mapping[str, Mapping[str, str]]
    landed: Mapping[str, str]
    masks: frozenset[str]
    functions: frozenset[str]
    builtins: frozenset[str]
    table_macros: frozenset[str] = frozenset()

    @cached_property
    def schema(self) -> MappingSchema:
        """The columns as sqlglot wants them: {schema: {table: {column: type}}}."""
        nested: dict[str, dict[str, Mapping[str, str]]] = {}
        for relation, columns in self.columns.items():
            schema, _, table = relation.rpartition(".")
            nested.setdefault(schema or "main", {})[table] = columns
        return MappingSchema(dict(nested), dialect=DIALECT)


def relation_key(schema: str, table: str) -> str:
    """Name of a relation: the table, after its schema where that is not main."""
    return table.lower() if schema in ("", "main") else f"{schema}.{table}".lower()


def column_flow(sql: str, relations: Relations) -> Flow:
    """Trace each column of a query to the columns of the relations it reads.

    Raises:
        ColumnUnresolved: something in it cannot be traced; says what.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=DIALECT)
        if any(found.args.get("recursive") for found in tree.find_all(exp.With)):
            raise ColumnUnresolved("expected a query without recursion, found with recursive")
        for table in list(tree.find_all(exp.Table)):
            _make_plain(table, relations)
        tree = qualify(
            tree,
            schema=relations.schema,
            dialect=DIALECT,
            db="main",
            validate_qualify_columns=True,
        )
        scope = build_scope(tree) if isinstance(tree, exp.Query) else None
    except SqlglotError as error:
        raise ColumnUnresolved(" ".join(UNDERLINED.sub("", str(error)).split())) from None
    if scope is None:
        raise ColumnUnresolved(f"expected one SELECT, found {type(tree).__name__}")
    return _Tracer(relations).columns(scope)


def without_parameters(definition: str, parameters: Sequence[str]) -> str:
    """The SQL of a macro with null in place of its parameters, which hold no column of ours."""
    tree = sqlglot.parse_one(definition, dialect=DIALECT)
    names = {name.lower() for name in parameters}
    for column in list(tree.find_all(exp.Column)):
        if not column.table and column.name.lower() in names:
            column.replace(exp.Null())
    return tree.sql(DIALECT)


def _make_plain(table: exp.Table, relations: Relations) -> None:
    """Give a table function the name of the relation it stands for, and drop the database."""
    function = table.this
    if isinstance(function, exp.Identifier):
        table.set("catalog", None)
        return
    name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
    if isinstance(function, exp.ReadParquet):
        first = function.expressions[0] if function.expressions else None
        variable = first.expressions[0].name if isinstance(first, exp.Anonymous) else ""
        relation = relations.landed.get(variable)
        if relation is None:
            raise ColumnUnresolved(
                f"read_parquet: expected the files of a declared source, found {first}. Read them "
                "through the macro landed()"
            )
        table.set("this", exp.to_identifier(relation.rpartition(".")[2], quoted=True))
        table.set("db", exp.to_identifier(relation.rpartition(".")[0]))
    elif name in relations.table_macros:
        if function.find(exp.Column):
            raise ColumnUnresolved(f"{name}(): expected constants as arguments, found a column")
        table.set("this", exp.to_identifier(name))
    elif name not in HARMLESS_TABLE_FUNCTIONS:
        raise ColumnUnresolved(f"{name}(): expected a table or a known table function")


class _Tracer:
    """Follows the columns of the scopes of one query; each scope once."""

    def __init__(self, relations: Relations) -> None:
        self.relations = relations
        self._known: dict[int, Flow] = {}

    def columns(self, scope: Scope) -> Flow:
        """The steps of each column of a scope, in its order."""
        if id(scope) not in self._known:
            self._known[id(scope)] = self._columns(scope)
        return self._known[id(scope)]

    def _columns(self, scope: Scope) -> Flow:
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            return self._united(query, scope)
        if not isinstance(query, exp.Select):
            raise ColumnUnresolved(f"expected a SELECT, found {type(query).__name__}")
        if query.find(exp.Pivot):
            raise ColumnUnresolved("expected named columns, found a pivot")
        flow: Flow = {}
        for projection in query.selects:
            name = projection.alias_or_name.lower()
            if not name or isinstance(projection, exp.Star) or projection.is_star:
                raise ColumnUnresolved(f"expected a named column, found {projection.sql(DIALECT)}")
            flow[name] = frozenset(self._steps(projection, scope))
        return flow

    def _united(self, query: exp.SetOperation, scope: Scope) -> Flow:
        left, right = (self.columns(branch) for branch in scope.set_operation_scopes)
        if query.args.get("by_name"):
            return {
                name: left.get(name, frozenset()) | right.get(name, frozenset())
                for name in {**left, **right}
            }
        if len(left) != len(right):
            raise ColumnUnresolved(f"a union of {len(left)} and {len(right)} columns")
        return {name: left[name] | steps for name, steps in zip(left, right.values(), strict=True)}

    def _steps(self, node: exp.Expr, scope: Scope) -> Iterator[Step]:
        """What an expression is computed from."""
        if isinstance(node, exp.Column):
            yield from self._resolved(node, scope)
            return
        if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
            for steps in self.columns(_subquery(node, scope)).values():
                yield from steps
            return
        done = Step(NOWHERE, self._masks(node), isinstance(node, WEIGHING))
        for child in _operands(node, scope):
            for step in self._steps(child, scope):
                yield step.through(done)
        for child in _keys(node, scope):
            for step in self._steps(child, scope):
                yield step.through(Step(NOWHERE, is_weighed=not isinstance(node.this, RANKS)))

    def _masks(self, node: exp.Expr) -> bool:
        """Whether a node masks what is below it; one that cannot be followed is an error."""
        if isinstance(node, exp.Columns):
            raise ColumnUnresolved(f"expected named columns, found {node.sql(DIALECT)}")
        if not isinstance(node, exp.Anonymous):
            return False
        name = node.name.lower()
        if name in self.relations.masks:
            return True
        if name == "getvariable" or name not in self.relations.functions | self.relations.builtins:
            raise ColumnUnresolved(
                f"{name}(): expected a function of DuckDB's, or one declared in "
                "data_products/lineage.yaml"
            )
        return False

    def _resolved(self, column: exp.Column, scope: Scope) -> Steps:
        name, table = column.name.lower(), column.table
        found: Scope | None = scope
        while found is not None and table not in found.sources:
            found = found.parent
        if found is None:
            raise ColumnUnresolved(f"{column.sql(DIALECT)}: of no table that the query reads")
        source = found.sources[table]
        if isinstance(source, exp.Table):
            return self._of_table(source, name)
        if isinstance(source.expression, exp.UDTF):
            return frozenset(
                step
                for child in source.expression.iter_expressions()
                for step in self._steps(child, found)
            )
        flow = self.columns(source)
        if name not in flow:
            raise ColumnUnresolved(f"{table}.{name}: {table} has no such column")
        return flow[name]

    def _of_table(self, table: exp.Table, name: str) -> Steps:
        if not isinstance(table.this, exp.Identifier):
            return frozenset()  # a harmless table function
        relation = relation_key(table.db, table.name)
        columns = self.relations.columns.get(relation)
        if columns is None:
            raise ColumnUnresolved(f"{relation}: expected a table of the warehouse, found none")
        if name not in columns:
            raise ColumnUnresolved(f"{relation}.{name}: {relation} has no such column")
        return frozenset({Step(ColumnRef(relation, name))})


def _operands(node: exp.Expr, scope: Scope) -> Iterator[exp.Expr]:
    """What a value is made of: everything below a node, but for what a window sorts and cuts by."""
    keys = {id(key) for key in _keys(node, scope)}
    return (child for child in node.iter_expressions() if id(child) not in keys)


def _keys(node: exp.Expr, scope: Scope) -> list[exp.Expr]:
    """What a window sorts and cuts by, also where it is a named one."""
    if not isinstance(node, exp.Window):
        return []
    windows = [node]
    if isinstance(scope.expression, exp.Select):
        named = scope.expression.args.get("windows") or ()
        windows += [window for window in named if window.name == node.alias]
    return [
        key
        for window in windows
        for key in (*(window.args.get("partition_by") or ()), window.args.get("order"))
        if key is not None
    ]


def _subquery(query: exp.Query, scope: Scope) -> Scope:
    for found in scope.subquery_scopes:
        if found.expression is query:
            return found
    raise ColumnUnresolved(f"expected a subquery that can be followed, found {query.sql(DIALECT)}")
