"""Every way that SQL computes a column is followed, and what cannot be followed is an error."""

from __future__ import annotations

import pytest

from dagster_project.contracts.column_flow import (
    ColumnRef,
    ColumnUnresolved,
    Relations,
    Step,
    column_flow,
    without_parameters,
)

RELATIONS = Relations(
    columns={
        "lines": {"shop": "VARCHAR", "units": "BIGINT", "person": "VARCHAR", "sold_on": "DATE"},
        "shops": {"shop": "VARCHAR", "region": "VARCHAR", "place": "STRUCT(town VARCHAR)"},
        "state.ledger": {"shop": "VARCHAR", "units": "BIGINT"},
        "landing.till__sales_events": {"person": "VARCHAR", "units": "VARCHAR"},
        "runs_on": {"shop": "VARCHAR"},
    },
    landed={"meshcast_till_sales_events": "landing.till__sales_events"},
    masks=frozenset({"hash_customer"}),
    functions=frozenset({"public_holiday"}),
    builtins=frozenset({"list_avg", "getvariable"}),
    table_macros=frozenset({"runs_on"}),
)


def sources(sql: str, column: str) -> set[str]:
    """Where a column comes from, as text: `hashed` and `weighed` stand before what is so."""
    return {
        " ".join(
            [
                *(["hashed"] if step.is_masked else []),
                *(["weighed"] if step.is_weighed else []),
                str(step.source),
            ]
        )
        for step in column_flow(sql, RELATIONS)[column]
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select person as x from lines", {"lines.person"}),
        ('select l."PERSON" as X from "sales"."main"."lines" as l', {"lines.person"}),
        ("select upper(person) || shop as x from lines", {"lines.person", "lines.shop"}),
        ("select public_holiday(person, sold_on) as x from lines",
         {"lines.person", "lines.sold_on"}),
        ("select 1 as x from lines", set()),
        ("select list_avg([units]) as x from lines", {"lines.units"}),
        ("select max(person) as x from lines group by shop", {"lines.person"}),
        ("select string_agg(person order by units) as x from lines",
         {"lines.person", "lines.units"}),
        ("select max(units) filter (where person = '7') as x from lines",
         {"lines.units", "weighed lines.person"}),
        ("select case when person = '7' then units end as x from lines",
         {"lines.units", "weighed lines.person"}),
        ("select case person when '7' then units end as x from lines",
         {"lines.units", "lines.person"}),
        ("select count(distinct person) as x from lines", {"weighed lines.person"}),
        ("select lag(units) over (partition by person order by sold_on) as x from lines",
         {"lines.units", "weighed lines.person", "weighed lines.sold_on"}),
        ("select lag(units) over w as x from lines window w as (partition by person)",
         {"lines.units", "weighed lines.person"}),
        ("select dense_rank() over (order by person) as x from lines", {"lines.person"}),
        ("select hash_customer(person) as x from lines", {"hashed lines.person"}),
        ("select hash_customer(cast(person as varchar)) || person as x from lines",
         {"hashed lines.person", "lines.person"}),
        ("select coalesce(a.shop, b.region) as x from lines as a left join shops as b using (shop)",
         {"lines.shop", "shops.region"}),
        ("select place.town as x from shops", {"shops.place"}),
        ("select struct_extract({'a': region, 'b': shop}, 'a') as x from shops",
         {"shops.region", "shops.shop"}),
        ("select unnest([person]) as x from lines", {"lines.person"}),
        ("select u.x from lines, unnest([person]) as u(x)", {"lines.person"}),
        ("select x from generate_series(1, 3) as series(x)", set()),
        ("select x from (values (1), (2)) as numbers(x)", set()),
        ("select ledger.units as x from state.ledger", {"state.ledger.units"}),
        ("select shop as x from runs_on(date '2018-01-01')", {"runs_on.shop"}),
        ("select (select max(region) from shops) as x from lines", {"shops.region"}),
        ("select (select max(shops.region || lines.person) from shops) as x from lines",
         {"shops.region", "lines.person"}),
        ("select exists (select person from lines) as x from shops", {"weighed lines.person"}),
        ("select shop as x from lines union all select region from shops",
         {"lines.shop", "shops.region"}),
        ("select shop as x, units as y from lines "
         "union all by name select 1 as y, region as x from shops",
         {"lines.shop", "shops.region"}),
        ("with a as (select * from lines), b as (select * from a) select person as x from b",
         {"lines.person"}),
        ("with a as (select * exclude (shop) replace (person as units) from lines) "
         "select units as x from a",
         {"lines.person"}),
        ("select landed.person as x from read_parquet(getvariable('meshcast_till_sales_events'), "
         "filename = true) as landed", {"landing.till__sales_events.person"}),
    ],
)  # fmt: skip
def test_a_column_comes_from_what_its_expression_reads(sql: str, expected: set[str]) -> None:
    assert sources(sql, "x") == expected


def test_select_star_brings_every_column_of_the_schema_under_its_own_name() -> None:
    flow = column_flow("select * from (select * from lines)", RELATIONS)
    assert flow == {
        name: frozenset({Step(ColumnRef("lines", name))}) for name in RELATIONS.columns["lines"]
    }


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select nobody from lines", "nobody"),
        ("select lines.nobody as x from lines", "Unknown column: nobody"),
        ("with a as (select shop from lines) select a.person as x from a", "person"),
        ("select * from nowhere", "expected a named column, found *"),
        ("select n.x from nowhere as n", "nowhere: expected a table of the warehouse"),
        ("select x from 'people.parquet' as files(x)", "people.parquet"),
        ("select p.person as x from read_csv('people.csv') as p", "read_csv(): expected a table"),
        ("select p.x from read_parquet('people.parquet') as p", "expected the files of a declared"),
        ("select p.x from query('select 1 as x') as p", "query(): expected a table"),
        ("select columns('p.*') from lines", "expected named columns, found COLUMNS"),
        ("select getvariable('persons') as x", "getvariable(): expected a function"),
        ("select unheard_of(person) as x from lines", "unheard_of(): expected a function"),
        ("pivot lines on shop using sum(units)", "found Pivot"),
        ("select * from (pivot lines on shop using sum(units))", "could not be resolved"),
        ("with recursive a as (select 1 as x union all select x + 1 from a) select x from a",
         "without recursion"),
        ("select shop as x from lines, runs_on(lines.sold_on)", "as arguments, found a column"),
        ("select shop as x from lines union all select 1, 2", "a union of 1 and 2 columns"),
        ("insert into lines select * from lines", "expected one SELECT, found Insert"),
        ("select from from", "Expected table name"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_an_error(sql: str, told: str) -> None:
    with pytest.raises(ColumnUnresolved) as refused:
        column_flow(sql, RELATIONS)
    assert told in str(refused.value)


def test_the_parameters_of_a_macro_are_no_columns() -> None:
    sql = without_parameters('SELECT shop FROM lines WHERE (sold_on <= "day")', ["day"])
    assert "day" not in sql
    assert sources(sql, "shop") == {"lines.shop"}
