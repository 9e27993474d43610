"""Loading files as they come ends in the state that loading all of them at once gives."""

from __future__ import annotations

import hmac
import json
import shutil
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from dbt_common.exceptions import CompilationError

from dagster_project.sql_functions import KEY_FILE
from tests.dbt.invented_shops import Deployment, again, deploy

FIRST_DAY = date(2024, 3, 4)
DAYS = 6

EVE = "eve-of-the-hill"
TILL_OF_EVE = f"""line,sold,shop,article,customer,pieces,price
1,2024-03-04 12:00,s,a,{EVE},1,2
2,2024-03-04 13:00,s,b,{EVE},2,2
"""

# What an older version could have left: columns gone or new since, other types, other rows.
OLDER_HOME = (
    "alter table sales_events_decided add column older integer default 1",
    "alter table sales_events_failed rename column reason_code to reason",
    "alter table promotions_decided alter share type double",
    "update daily_sales_changes set units_sold = units_sold + 1",
    "alter table sales_by_day drop column units_sold",
    "alter table store_days alter lines type varchar",
    "delete from sales_as_known",
    "update loads set code = 'older'",
)


def hash_of(customer: str, key: bytes) -> str:
    """The documented hash: 128 bits of HMAC-SHA-256."""
    return hmac.new(key, customer.encode(), "sha256").hexdigest()[:32]


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment whose project dbt has parsed."""
    deployment = deploy(tmp_path_factory.mktemp("project"))
    deployment.parse()
    return deployment


def random_files(random: np.random.Generator) -> dict[str, str]:
    """Files of all sources with repeated, conflicting, corrected, late and broken lines."""
    files = {}
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        files[f"till/sales_events/{day}.csv"] = _till_lines(random, number)
        files[f"web/sales_events/{day}.jsonl"] = _web_lines(random, number)
        files[f"totals/sales_events/{day}.csv"] = _totals_lines(random, day, number)
    names = sorted(files)
    for name in random.choice(names, size=3, replace=False):
        folder, _, file = name.rpartition("/")
        files[f"{folder}/again-{file}"] = files[name]
    files["till/products/2024-03-01.csv"] = "article,title,category\na,A,X\nb,B,X\n"
    files["till/stores/2024-03-01.csv"] = "shop,zone\ns,\nt,Asia/Tokyo\n"
    files["till/promotions/2024-03-05.csv"] = "article,starts,ends\na,2024-03-06,2024-03-07\n"
    files["till/promotions/2024-03-07.csv"] = (
        "article,starts,ends\na,2024-03-06,2024-03-07\nb,2024-03-05,2024-03-08\n"
    )
    files["totals/calendar/2024-03-01.csv"] = "day,open\n2024-03-06,true\n2024-03-07,false\n"
    return files


def _earlier(random: np.random.Generator, number: int) -> date:
    """The day of a file, or now and then one before it."""
    back = int(random.integers(0, 3)) if random.random() < 0.4 else 0
    return FIRST_DAY + timedelta(days=max(number - back, 0))


def _till_lines(random: np.random.Generator, number: int) -> str:
    lines = ["line,sold,shop,article,customer,pieces,price"]
    for _ in range(12):
        event = int(random.integers(0, 25)) if random.random() < 0.9 else ""
        sold = _earlier(random, number)
        pieces = random.choice(["1", "2", "-1", "many", "0"])
        article = random.choice(["a", "b", "c", "bag", ""])
        lines.append(f"{event},{sold} 12:00,{random.choice(['s', 't'])},{article},eve,{pieces},2")
    if random.random() < 0.5:
        lines.append("broken;line")
    return "\n".join(lines) + "\n"


def _web_lines(random: np.random.Generator, number: int) -> str:
    lines = []
    for _ in range(8):
        line = {
            "id": f"w{random.integers(0, 12)}",
            "moment": f"{_earlier(random, number)}T12:00:00Z",
            "country": "FR",
            "article": "tea",
            "pieces": int(random.integers(0, 3)),
        }
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


def _totals_lines(random: np.random.Generator, day: date, number: int) -> str:
    lines = ["day,hall,group,units"]
    for sold in {day, _earlier(random, number)}:
        for group in ("nuts", "figs", "nuts"):
            if random.random() < 0.7:
                lines.append(f"{sold},hall,{group},{random.integers(0, 3)}")
    return "\n".join(lines) + "\n"


def landed(shops: Deployment, *, seed: int) -> Deployment:
    """The deployment, with random files landed."""
    for name, text in random_files(np.random.default_rng(seed)).items():
        shops.land(name, text)
    return shops


def known_first(name: str) -> bool:
    """Stores and products have to be there before the lines that need them."""
    return "/stores/" in name or "/products/" in name


def test_after_a_rotation_of_the_key_no_hash_of_the_old_key_is_left(
    parsed: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shops = again(parsed, tmp_path_factory.mktemp("rotated"))
    shops.land("till/stores/2024-03-01.csv", "shop,zone\ns,\n")
    shops.land("till/sales_events/2024-03-04.csv", TILL_OF_EVE)
    shops.build(select=["+loads"])
    key = shops.settings.home / KEY_FILE
    old = hash_of(EVE, key.read_bytes())
    hashed = "select customer_key from sales_events_decided union select customer_key from {}"
    tables = hashed.format("sales_events_checked")
    assert shops.rows(tables) == [(old,)]

    key.unlink()  # the documented step; the next build makes a new key
    shops.build(select=["+loads"])

    new = hash_of(EVE, key.read_bytes())
    assert new != old
    assert shops.rows(tables) == [(new,)]
    assert shops.rows("select count(*) from sales_events_decided") == [(2,)]


@pytest.mark.parametrize(("seed", "stopped_at"), [(1, None), (2, "sales_events_decided")])
def test_files_in_any_order_give_what_a_full_refresh_gives(
    parsed: Deployment,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    stopped_at: str | None,
) -> None:
    random = np.random.default_rng(seed)
    files = random_files(random)
    shops = again(parsed, tmp_path_factory.mktemp(f"shops{seed}"))
    names = list(random.permutation([name for name in sorted(files) if not known_first(name)]))
    first = [*filter(known_first, files), *names[0::3]]

    for name in first:
        shops.land(name, files[name])
    shops.build()
    for name in names[1::3]:
        shops.land(name, files[name])
    shops.build(select=["+daily_sales_changes"])  # a build that is stopped before its end
    for name in names[2::3]:
        shops.land(name, files[name])
    shops.build()
    in_steps = shops.tables()
    dispositions = {row[0] for row in shops.rows("select disposition from sales_events_decided")}
    assert dispositions == {"accepted", "duplicate", "superseded", "conflicting"}
    assert shops.failing_tests() == []

    if stopped_at:
        shops.build("--full-refresh", select=[f"+{stopped_at}"])
        assert shops.rows("select * from loads") == []
        shops.build()
    else:
        shops.build("--full-refresh")
    at_once = shops.tables()
    for table, rows in in_steps.items():
        assert rows == at_once[table], table


def test_what_other_sql_has_loaded_is_read_again_columns_and_all(
    parsed: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shops = landed(again(parsed, tmp_path_factory.mktemp("older")), seed=3)
    shops.build()
    before = shops.tables()
    with duckdb.connect(str(shops.settings.warehouse_file)) as connection:
        for statement in OLDER_HOME:
            connection.execute(statement)

    shops.build(select=["+sales_events_touched"])  # a part, which drops nothing
    assert shops.rows("select older from sales_events_decided limit 1") == [(1,)]
    shops.build()
    assert shops.tables() == before


@pytest.mark.parametrize("days_ago", [1, 3])
def test_a_past_day_is_seen_as_by_a_build_of_the_files_known_then(
    parsed: Deployment, tmp_path_factory: pytest.TempPathFactory, days_ago: int
) -> None:
    cutoff_on = FIRST_DAY + timedelta(days=DAYS - 1 - days_ago)
    now = again(parsed, tmp_path_factory.mktemp("now"))
    then = again(parsed, tmp_path_factory.mktemp("then"))
    for name, text in random_files(np.random.default_rng(6)).items():
        now.land(name, text)
        if date.fromisoformat(name.rpartition("/")[2].removeprefix("again-")[:10]) <= cutoff_on:
            then.land(name, text)
    now.build()
    then.build()
    seen = {
        "sales_as_known": ("known_from", "product_id, store_id, sold_on, units, sold_revenue"),
        "store_days": ("known_on", "source, store_id, sold_on"),
        "open_days": ("known_on", "store_id, day_on"),
    }
    for table, (known_on, columns) in seen.items():
        query = (
            f"select {columns} from {table}"
            f" where '{cutoff_on}' >= {known_on} and '{cutoff_on}' < known_until order by all"
        )
        assert now.rows(query) == then.rows(query), table
        assert now.rows(f"select * from {table}") != then.rows(f"select * from {table}"), table


def test_a_full_refresh_of_one_model_alone_is_refused(
    parsed: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shops = landed(again(parsed, tmp_path_factory.mktemp("alone")), seed=4)
    shops.build()
    before = shops.rows("select * from sales_events_decided order by all")
    statuses = shops.dbt("run", "--full-refresh", select=["sales_events_decided"])
    assert statuses["sales_events_decided"] == "error"
    assert shops.rows("select * from sales_events_decided order by all") == before


def test_a_source_that_joins_brings_its_sales_and_cannot_be_left_out_again(
    parsed: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shops = landed(again(parsed, tmp_path_factory.mktemp("sources")), seed=5)
    web_only = Deployment(shops.settings, shops.project)
    web_only.variables = {"sources": {"web": ["sales_events"]}}
    web_only.build()
    assert {row[0] for row in shops.rows("select source from daily_sales_changes")} == {"web"}

    shops.build()
    at_once = again(parsed, tmp_path_factory.mktemp("at_once"))
    at_once.settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy2(shops.settings.home / KEY_FILE, at_once.settings.home / KEY_FILE)
    landed(at_once, seed=5).build()
    assert shops.tables() == at_once.tables()

    with pytest.raises(CompilationError, match="expected till, totals among them"):
        web_only.build()
    assert shops.tables() == at_once.tables()
