"""Small invented data of the shapes that the shipped sources have, the same for the same seed."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

FIRST_DAY = date(2017, 1, 1)
NEW_YORK = "America/New_York"
CATEGORIES = (
    ("BREAD", "GROCERY", 6.0),
    ("MILK", "GROCERY", 8.0),
    ("CHEESE", "DELI", 4.0),
    ("SODA", "GROCERY", 7.0),
    ("APPLES", "PRODUCE", 5.0),
    ("COFFEE", "GROCERY", 2.0),
    ("SOAP", "DRUG GM", 1.5),
    ("CANDY", "DRUG GM", 3.0),
)
ITEMS_A_CATEGORY = 3
FUEL_ITEM = 990
RARE_ITEM = 991
STORES = (367, 406, 31782)
WEEKDAY_FACTOR = np.array([0.8, 0.75, 0.8, 0.9, 1.2, 1.5, 1.3])  # Monday first

RETAIL_FIRST_DAY = date(2010, 12, 1)
RETAIL_HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
RETAIL_PRODUCTS = (
    ("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 2.55),
    ("71053", "WHITE METAL LANTERN", 3.39),
    ("22423", 'CAKE STAND, 3 TIER "REGENCY"', 12.75),
    ("20725", "LUNCH BAG RED RETROSPOT", 1.65),
    ("84879", "ASSORTED COLOUR BIRD ORNAMENT", 1.69),
)
RETAIL_COUNTRIES = ("United Kingdom", "Germany", "France")


def complete_journey(*, days: int = 400, seed: int = 7) -> dict[str, pd.DataFrame]:
    """Tables shaped like those of the demo's package.

    Eight categories in three stores with a weekly season, a slow trend, promotions that lift sales,
    and Christmas Day closed; besides them fuel, whose quantity counts no units, and one item that
    sells on a few days only.

    Returns:
        transactions, products, promotions; moments are naive and in UTC.
    """
    random = np.random.default_rng(seed)
    promotions = _promotions(random, days)
    lift = _lift(promotions, days)
    rows = []
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        if (day.month, day.day) != (12, 25):
            rows += _day_of_sales(random, day, lift[number], 1 + 0.2 * number / days)
    transactions = pd.DataFrame(
        rows, columns=["store_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    )
    basket = transactions.groupby(["store_id", "transaction_timestamp"]).ngroup()
    transactions["basket_id"] = 31_000_000_000 + basket
    transactions["household_id"] = 1 + basket % 50
    for discount in ("retail_disc", "coupon_disc", "coupon_match_disc"):
        transactions[discount] = 0.0
    local_day = (
        transactions["transaction_timestamp"]
        .dt.tz_localize("UTC")
        .dt.tz_convert(NEW_YORK)
        .dt.tz_localize(None)
        .dt.normalize()
    )
    transactions["week"] = _week((local_day - pd.Timestamp(FIRST_DAY)).dt.days)
    return {"transactions": transactions, "products": _products(), "promotions": promotions}


def write_complete_journey(folder: Path, *, days: int = 400, seed: int = 7) -> Path:
    """Write the tables of `complete_journey` as the Parquet files of a source_data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in complete_journey(days=days, seed=seed).items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def online_retail(
    *, first_day: date = RETAIL_FIRST_DAY, days: int = 30, seed: int = 7
) -> dict[date, str]:
    """CSV text per trading day, shaped like UCI Online Retail; no Saturdays.

    Every day holds, besides sales, a cancelled invoice, a POST line, a line that is there twice,
    one without a customer and one without a description.
    """
    random = np.random.default_rng(seed)
    invoice = 536365
    files = {}
    for number in range(days):
        day = first_day + timedelta(days=number)
        if day.weekday() == 5:
            continue
        lines: list[list[str]] = []
        for country in RETAIL_COUNTRIES:
            for code, name, price in RETAIL_PRODUCTS:
                moment = datetime.combine(day, datetime.min.time()) + timedelta(
                    minutes=int(random.integers(8 * 60, 18 * 60))
                )
                quantity = 1 + int(random.poisson(5 * WEEKDAY_FACTOR[day.weekday()]))
                customer = f"{random.integers(12346, 12400)}.0"
                lines.append(
                    [str(invoice), code, name, str(quantity), str(moment), str(price)]
                    + [customer, country]
                )
                invoice += 1
        lines[3][2] = ""
        lines[4][6] = ""
        lines.append(lines[0])
        lines.append(["C" + lines[1][0], lines[1][1], lines[1][2], "-1", *lines[1][4:]])
        lines.append([lines[2][0], "POST", "POSTAGE", "1", lines[2][4], "18.0", *lines[2][6:]])
        files[day] = csv_text(RETAIL_HEADER, lines)
    return files


def write_online_retail(
    folder: Path, *, first_day: date = RETAIL_FIRST_DAY, days: int = 30, seed: int = 7
) -> list[Path]:
    """Write the days of `online_retail` as <folder>/YYYY-MM-DD.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for day, text in online_retail(first_day=first_day, days=days, seed=seed).items():
        files.append(folder / f"{day}.csv")
        files[-1].write_text(text, encoding="utf-8")
    return files


def csv_text(header: tuple[str, ...], lines: list[list[str]]) -> str:
    """CSV with the quotes it needs."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue()


def _items(category: int) -> list[int]:
    return [100 * (category + 1) + item for item in range(ITEMS_A_CATEGORY)]


def _products() -> pd.DataFrame:
    rows = [
        (item, department, name)
        for category, (name, department, _) in enumerate(CATEGORIES)
        for item in _items(category)
    ]
    rows += [(FUEL_ITEM, "FUEL", "FUEL"), (RARE_ITEM, "GARDEN", "TREES"), (992, "GROCERY", None)]
    products = pd.DataFrame(rows, columns=["product_id", "department", "product_category"])
    products.insert(1, "manufacturer_id", 69)
    products["brand"] = "National"
    products["product_type"] = products["product_category"]
    products["package_size"] = None
    return products.astype({"package_size": "str"})


def _week(day_number: pd.Series) -> pd.Series:
    """Week 1 is the first Sunday, the others start on Mondays."""
    return (day_number + 6) // 7 + 1


def _promotions(random: np.random.Generator, days: int) -> pd.DataFrame:
    """A seventh of categories x stores on display or in the mailer; planned 34 days ahead."""
    weeks = int(_week(pd.Series([days + 34])).iloc[0])
    rows = []
    for week in range(1, weeks + 1):
        for store in STORES:
            for category in range(len(CATEGORIES)):
                if random.random() < 0.15:
                    for item in _items(category):
                        display = str(random.choice(["0", "9"]))
                        mailer = "0" if display != "0" else "A"
                        rows.append((item, store, display, mailer, week))
    columns = ["product_id", "store_id", "display_location", "mailer_location", "week"]
    return pd.DataFrame(rows, columns=columns)


def _lift(promotions: pd.DataFrame, days: int) -> np.ndarray:
    """Factor on sales, of shape (days, stores, categories)."""
    weeks = _week(pd.Series(range(days))).to_numpy()
    lift = np.ones((days, len(STORES), len(CATEGORIES)))
    promoted = promotions.assign(category=promotions["product_id"] // 100 - 1)
    for store, category, week in (
        promoted[["store_id", "category", "week"]].drop_duplicates().itertuples(index=False)
    ):
        lift[weeks == week, STORES.index(store), category] = 1.8
    return lift


def _day_of_sales(
    random: np.random.Generator, day: date, lift: np.ndarray, trend: float
) -> list[tuple[int, int, int, float, pd.Timestamp]]:
    rows = []

    def sell(store: int, item: int, quantity: int, price: float) -> None:
        opened = pd.Timestamp(day).tz_localize(NEW_YORK) + pd.Timedelta(hours=7)
        moment = opened + pd.Timedelta(minutes=int(random.integers(0, 15 * 60)))
        sold_at = moment.tz_convert("UTC").tz_localize(None)
        rows.append((store, item, quantity, round(quantity * price, 2), sold_at))

    for place, store in enumerate(STORES):
        size = (1.0, 0.7, 0.4)[place]
        for category, (_, _, level) in enumerate(CATEGORIES):
            mean = level * size * trend * WEEKDAY_FACTOR[day.weekday()] * lift[place, category]
            units = int(random.poisson(mean))
            for item, quantity in zip(
                _items(category), random.multinomial(units, [0.5, 0.3, 0.2]), strict=True
            ):
                if quantity:
                    sell(store, item, int(quantity), 1.0 + category)
        sell(store, FUEL_ITEM, int(random.integers(3_000, 9_000)), 0.0025)
        if random.random() < 0.02:
            sell(store, RARE_ITEM, 1, 20.0)
    return rows
