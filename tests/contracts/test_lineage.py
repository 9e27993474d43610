"""A personal column is found wherever it goes, whatever it is called there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_project.contracts.column_flow import ColumnRef
from dagster_project.contracts.lineage import Lineage, Unresolved, trace
from tests.contracts.small_project import (
    DECLARED,
    LANDED,
    READ,
    hop,
    lineage_of,
    small_project,
)

LABEL = ColumnRef("port_v1", "label")


def people(lineage: Lineage, place: ColumnRef = LABEL) -> tuple[set[str], set[str]]:
    """The personal columns that reach a place: open, and as a hash."""
    return (
        {str(step.source) for step in lineage.open_people(place)},
        {str(step.source) for step in lineage.hashed_people(place)},
    )


def test_a_personal_column_that_two_models_rename_is_found_with_its_way() -> None:
    lineage = lineage_of(
        {
            "stg_till": (f"select landed.person as shopper, landed.units from {READ}",
                         "shopper units"),
            "events": ("select upper(shopper) as who, units from stg_till", "who units"),
            "port_v1": ("select who as label, units from events", "label units"),
        }
    )  # fmt: skip
    assert lineage.unresolved == ()
    (person,) = lineage.open_people(LABEL)
    assert " → ".join(str(column) for column in lineage.way(LABEL, person)) == (
        f"{LANDED}.person → stg_till.shopper → events.who → port_v1.label"
    )
    assert people(lineage, ColumnRef("port_v1", "units")) == (set(), set())


def test_a_personal_column_that_select_star_carries_through_two_models_is_found() -> None:
    lineage = lineage_of(
        {
            "stg_till": (f"with lines as (select * from {READ}) select person, units from lines",
                         "person units"),
            "events": ("with a as (select * from stg_till) select * from a", "person units"),
            "port_v1": ("select * exclude (person), person as label from (select * from events)",
                        "units label"),
        }
    )  # fmt: skip
    assert people(lineage) == ({f"{LANDED}.person"}, set())


def test_an_old_name_of_a_personal_column_is_personal_too() -> None:
    sql = f"select coalesce(landed.person, landed.client) as label from {READ}"
    found, _ = people(lineage_of({"port_v1": (sql, "label")}))
    assert found == {f"{LANDED}.person", f"{LANDED}.client"}


def test_a_hash_on_the_way_makes_a_person_a_hash_and_only_on_that_way() -> None:
    stg = f"select hash_customer(landed.person) as a, landed.person as b from {READ}"
    models = {"stg_till": (stg, "a b")}
    for sql, expected in {
        "select a as label from stg_till": (set(), {f"{LANDED}.person"}),
        "select hash_customer(b) as label from stg_till": (set(), {f"{LANDED}.person"}),
        "select a || b as label from stg_till": ({f"{LANDED}.person"}, {f"{LANDED}.person"}),
        "select count(distinct a) as label from stg_till": (set(), set()),
        "select count(distinct b) as label from stg_till": ({f"{LANDED}.person"}, set()),
    }.items():
        assert people(lineage_of({**models, "port_v1": (sql, "label")})) == expected, sql


def test_a_hash_in_a_column_declared_as_a_digest_of_the_line_stands_for_no_person() -> None:
    sql = f"select md5(hash_customer(landed.person) || landed.units) as label from {READ}"
    build = small_project({"port_v1": (sql, "label")})
    assert people(trace(build, DECLARED)) == (set(), {f"{LANDED}.person"})
    assert people(trace(build, replace(DECLARED, digests=frozenset({LABEL})))) == (set(), set())
    open_sql = build.with_query("port_v1", sql.replace("hash_customer", "upper"))
    found = people(trace(open_sql, replace(DECLARED, digests=frozenset({LABEL}))))
    assert found == ({f"{LANDED}.person"}, set())


def test_a_column_that_cannot_be_resolved_is_a_failure() -> None:
    lineage = lineage_of(
        {
            "stg_till": (f"select landed.units, landed.nobody as label from {READ}", "units label"),
            "port_v1": ("select label from stg_till", "label"),
        }
    )
    (unresolved,) = lineage.unresolved
    assert unresolved.where == "stg_till"
    assert "nobody" in unresolved.found


def test_every_variant_of_a_models_sql_counts() -> None:
    build = small_project({"port_v1": (f"select landed.units as label from {READ}", "label")})
    second = f"select landed.person as label from {READ}"
    both = replace(build, queries={"port_v1": (*build.queries["port_v1"], second)})
    assert people(trace(build, DECLARED)) == (set(), set())
    assert people(trace(both, DECLARED)) == ({f"{LANDED}.person"}, set())


def test_a_model_that_reads_itself_comes_from_what_else_it_reads() -> None:
    sql = f"select landed.person as label from {READ} union all select label from port_v1"
    assert people(lineage_of({"port_v1": (sql, "label")})) == ({f"{LANDED}.person"}, set())


def test_a_table_that_nothing_tells_of_is_a_failure() -> None:
    lineage = lineage_of({"port_v1": ("select label from notes", "label")}, notes="label")
    assert lineage.unresolved == (
        Unresolved("notes", "column label: neither SQL nor lineage.yaml tells of it"),
    )


def test_a_person_is_followed_through_python() -> None:
    build = small_project(
        {
            "frame": (f"select landed.person, landed.units from {READ}", "person units"),
            "port_v1": ("select label, units from ledger", "label units"),
        },
        tables={"ledger": "label units"},
    )
    declared = replace(DECLARED, hops=(hop("ledger", label="frame.*", units="frame.units"),))
    lineage = trace(build, declared)
    assert lineage.unresolved == ()
    assert people(lineage) == ({f"{LANDED}.person"}, set())
    assert people(lineage, ColumnRef("port_v1", "units")) == (set(), set())
    every_other = replace(DECLARED, hops=(hop("ledger", every_other="frame.person"),))
    assert people(trace(build, every_other)) == ({f"{LANDED}.person"}, set())


@pytest.mark.parametrize(
    ("relation", "columns", "told"),
    [
        ("nowhere", {"every_other": "frame.person"}, "declared, but no table of the warehouse"),
        ("ledger", {"label": "frame.nobody"}, "declared from frame.nobody, which is none"),
        ("ledger", {"label": "nowhere.*"}, "declared from nowhere.*, which is none"),
        ("ledger", {"label": "", "price": ""}, "declared, but has no column price"),
        ("ledger", {}, "column label: neither SQL nor lineage.yaml tells of it"),
    ],
)
def test_both_ends_of_a_declared_hop_have_to_exist(
    relation: str, columns: dict[str, str], told: str
) -> None:
    build = small_project(
        {"frame": (f"select landed.person from {READ}", "person")}, tables={"ledger": "label"}
    )
    lineage = trace(build, replace(DECLARED, hops=(hop(relation, **columns),)))
    assert told in {unresolved.found for unresolved in lineage.unresolved}


def test_a_declaration_cannot_hide_what_sql_tells() -> None:
    build = small_project({"port_v1": (f"select landed.person as label from {READ}", "label")})
    lineage = trace(build, replace(DECLARED, hops=(hop("port_v1", every_other=""),)))
    assert people(lineage) == ({f"{LANDED}.person"}, set())
    assert lineage.unresolved == (
        Unresolved("port_v1", "declared, but SQL makes it and tells of it"),
    )


def test_functions_are_declared_exactly_as_they_are_registered() -> None:
    build = replace(small_project({}), functions=frozenset({"hash_customer", "new_function"}))
    declared = replace(DECLARED, functions=frozenset({"old_function"}))
    assert trace(build, declared).unresolved == (
        Unresolved("lineage.yaml", "function new_function: registered, but not declared"),
        Unresolved("lineage.yaml", "function old_function: declared, but not registered"),
    )


def test_a_line_that_does_not_parse_holds_every_column_unless_it_is_withheld() -> None:
    sql = f"select landed.unparsed_line as label from {READ}"
    build = small_project({"port_v1": (sql, "label")})
    assert people(trace(build, DECLARED)) == (set(), set())
    (withheld,) = trace(build, DECLARED).origins(LABEL)
    assert str(withheld.source) == f"{LANDED}.unparsed_line"
    (till,) = build.sources
    entity = replace(
        till.entities["sales_events"], columns=till.entities["sales_events"].columns[:1]
    )
    openly = replace(build, sources=(replace(till, entities={"sales_events": entity}),))
    found = trace(openly, DECLARED).origins(LABEL)
    assert {str(step.source) for step in found} == {f"{LANDED}.units"}
