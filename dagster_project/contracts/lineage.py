"""Column lineage: from the columns that sources land, through SQL and Python, to any column."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from dagster_project.contracts.column_flow import (
    ColumnRef,
    ColumnUnresolved,
    Relations,
    Step,
    Steps,
    column_flow,
)
from dagster_project.contracts.declared_lineage import EVERY_OTHER, DeclaredLineage, Hop
from dagster_project.contracts.dry_build import ADDED_BY_READER, UNPARSED, DryBuild, landed_relation
from dagster_project.sources import Entity


@dataclass(frozen=True)
class Unresolved:
    """Something whose lineage is not known, which is never taken for none.

    Attributes:
        where: the relation or declaration.
        found: what could not be followed.
    """

    where: str
    found: str


@dataclass(frozen=True)
class Lineage:
    """Where the columns of a project come from.

    Attributes:
        steps: what each column is computed from in one step.
        personal: columns of landed files that identify a person.
        unresolved: everything that could not be traced.
    """

    steps: Mapping[ColumnRef, Steps]
    personal: frozenset[ColumnRef]
    unresolved: tuple[Unresolved, ...] = ()

    def origins(self, column: ColumnRef) -> frozenset[Step]:
        """The columns that nothing else feeds and this one comes from.

        One that is reached on a masked and on an open way is there twice.
        """
        return frozenset(step for step in self._ways(column) if not self.steps.get(step.source))

    def open_people(self, column: ColumnRef) -> list[Step]:
        """The personal columns that a column comes from without a mask, be it but a comparison."""
        return self._people(column, lambda step: not step.is_masked)

    def hashed_people(self, column: ColumnRef) -> list[Step]:
        """The personal columns whose masked value a column carries."""
        return self._people(column, lambda step: step.is_masked and not step.is_weighed)

    def way(self, column: ColumnRef, origin: Step) -> list[ColumnRef]:
        """The shortest way from an origin to a column, both included."""
        before = self._ways(column)
        step: Step | None = origin
        way = []
        while step is not None:
            way.append(step.source)
            step = before[step]
        return way

    def _people(self, column: ColumnRef, counts: Callable[[Step], bool]) -> list[Step]:
        found = (step for step in self.origins(column) if step.source in self.personal)
        return sorted(step for step in found if counts(step))

    def _ways(self, column: ColumnRef) -> dict[Step, Step | None]:
        """Every column on the ways to this one, each with the next one on the shortest way."""
        start = Step(column)
        before: dict[Step, Step | None] = {start: None}
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            for step in sorted(self.steps.get(here.source, ())):
                there = step.through(here)
                if there not in before:
                    before[there] = here
                    waiting.append(there)
        return before


def trace(build: DryBuild, declared: DeclaredLineage) -> Lineage:
    """Trace every column of a project, through SQL and what is declared of Python."""
    steps: dict[ColumnRef, Steps] = {}
    personal: set[ColumnRef] = set()
    for relation, entity in _landed_entities(build):
        steps |= _landed_steps(relation, entity)
        personal |= _personal(relation, entity)
    unresolved = list(_function_mismatches(build, declared))
    _add_queries(steps, unresolved, build, _relations(build, declared))
    for hop in declared.hops:
        if hop.relation in build.queries:
            unresolved.append(
                Unresolved(hop.relation, "declared, but SQL makes it and tells of it")
            )
        elif hop.relation in build.columns:
            steps |= _hop_steps(hop, build.columns, unresolved)
        else:
            unresolved.append(Unresolved(hop.relation, "declared, but no table of the warehouse"))
    for digest in declared.digests:
        if digest not in steps:
            unresolved.append(Unresolved(str(digest), "declared as a digest, but no column"))
        steps[digest] = frozenset(replace(s, is_weighed=True) for s in steps.get(digest, ()))
    failed = {item.where for item in unresolved}
    unresolved += [
        Unresolved(relation, f"column {name}: neither SQL nor {declared.file.name} tells of it")
        for relation, columns in build.columns.items()
        for name in columns
        if ColumnRef(relation, name) not in steps and relation not in failed
    ]
    return Lineage(steps, frozenset(personal), tuple(unresolved))


def _relations(build: DryBuild, declared: DeclaredLineage) -> Relations:
    """What queries may read, and what our functions do with it."""
    return Relations(
        columns=build.columns,
        landed={
            f"meshcast_{source.name}_{entity}": landed_relation(source.name, entity)
            for source in build.sources
            for entity in source.entities
        },
        masks=declared.masks,
        functions=declared.functions,
        builtins=build.builtins,
        table_macros=build.table_macros,
    )


def _add_queries(
    steps: dict[ColumnRef, Steps],
    unresolved: list[Unresolved],
    build: DryBuild,
    relations: Relations,
) -> None:
    """Add what SQL tells; a column of several variants comes from what any of them reads."""
    for relation, queries in build.queries.items():
        for sql in queries:
            try:
                flow = column_flow(sql, relations)
            except ColumnUnresolved as error:
                unresolved.append(Unresolved(relation, str(error)))
                continue
            for name, found in flow.items():
                column = ColumnRef(relation, name)
                steps[column] = steps.get(column, frozenset()) | found


def _landed_entities(build: DryBuild) -> Iterator[tuple[str, Entity]]:
    """What lands, with the relation that stands for its files."""
    for source in build.sources:
        for entity in source.entities.values():
            relation = landed_relation(source.name, entity.name)
            if relation in build.columns:
                yield relation, entity


def _landed_steps(relation: str, entity: Entity) -> dict[ColumnRef, Steps]:
    """Columns of files come from nowhere; a line that did not parse may hold all of them.

    Where an entity has personal columns, landing withholds the text of such a line.
    """
    columns = frozenset(Step(ColumnRef(relation, name)) for name in entity.column_names)
    steps: dict[ColumnRef, Steps] = {step.source: frozenset() for step in columns}
    steps |= {ColumnRef(relation, name): frozenset() for name in ADDED_BY_READER}
    kept = frozenset() if entity.has_personal_columns else columns
    return {**steps, ColumnRef(relation, UNPARSED): kept}


def _personal(relation: str, entity: Entity) -> set[ColumnRef]:
    return {
        ColumnRef(relation, name.lower())
        for column in entity.columns
        if column.is_personal
        for name in column.names
    }


def _hop_steps(
    hop: Hop, columns: Mapping[str, Mapping[str, str]], unresolved: list[Unresolved]
) -> dict[ColumnRef, Steps]:
    """The steps of a table that Python writes; both ends of each have to exist."""
    steps: dict[ColumnRef, Steps] = {}
    for name, made_from in hop.columns.items():
        others = [column for column in columns[hop.relation] if column not in hop.columns]
        targets = others if name == EVERY_OTHER else [name]
        found = frozenset(Step(source) for source in _expanded(hop, made_from, columns, unresolved))
        for target in targets:
            if target not in columns[hop.relation]:
                unresolved.append(Unresolved(hop.relation, f"declared, but has no column {target}"))
            steps[ColumnRef(hop.relation, target)] = found
    return steps


def _expanded(
    hop: Hop,
    made_from: tuple[str, ...],
    columns: Mapping[str, Mapping[str, str]],
    unresolved: list[Unresolved],
) -> Iterator[ColumnRef]:
    for written in made_from:
        relation, _, name = written.lower().rpartition(".")
        known = columns.get(relation, {})
        names = list(known) if name == EVERY_OTHER else [name]
        if not names or not set(names) <= known.keys():
            unresolved.append(Unresolved(hop.relation, f"declared from {written}, which is none"))
        yield from (ColumnRef(relation, found) for found in names)


def _function_mismatches(build: DryBuild, declared: DeclaredLineage) -> Iterator[Unresolved]:
    known = declared.masks | declared.functions
    for name in sorted(build.functions - known):
        yield Unresolved(declared.file.name, f"function {name}: registered, but not declared")
    for name in sorted(known - build.functions):
        yield Unresolved(declared.file.name, f"function {name}: declared, but not registered")
