from datetime import date, timedelta

from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.lifetime import endings, lifetime_problems, notices

LAST = date(2027, 12, 31)


def test_the_first_version_of_daily_sales_ends_and_names_the_second() -> None:
    (ending,) = endings(read_contracts())
    assert (ending.relation, ending.ends_on) == ("daily_sales_v1", LAST)
    assert ending.successor == "daily_sales_v2"


def test_in_its_last_year_an_ending_table_is_announced() -> None:
    contracts = read_contracts()
    assert notices(contracts, date(2018, 1, 1)) == []
    (told,) = notices(contracts, date(2027, 12, 1))
    assert told == "daily_sales_v1 ends on 2027-12-31, in 30 days: read daily_sales_v2"
    assert len(notices(contracts, LAST)) == 1
    assert notices(contracts, LAST + timedelta(days=1)) == []


def test_after_its_end_of_life_a_table_is_a_problem_with_a_way_out() -> None:
    contracts = read_contracts()
    assert list(lifetime_problems(contracts, LAST)) == []
    (problem,) = lifetime_problems(contracts, LAST + timedelta(days=1))
    assert problem.field == "slaProperties[endOfLife].value"
    lines = problem.file.read_text().splitlines()
    assert "2027-12-31" in lines[problem.line - 1]
    assert "consumers read daily_sales_v2" in problem.finding


def test_an_end_of_one_table_is_no_end_of_its_neighbour() -> None:
    (contract,) = (item for item in read_contracts() if item.id == "daily-sales-v1")
    assert contract.ends_on("daily_sales_v1") == LAST
    assert contract.ends_on("likely_stockouts_v1") is None
