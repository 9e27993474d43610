"""The cold start and the shapes of the week once more, by loops: slow, and easy to believe."""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pandas as pd

from tests.dbt.invented_history import History
from tests.dbt.slow_features import Series, known_series

HIDDEN_DAYS = [0, 7, 14, 28]


def slow_cold_start(
    history: History, cutoff: pd.Timestamp, scope: pd.DataFrame
) -> dict[tuple[str, str], tuple[float, int]]:
    """Expected units a day of each series in scope, and its stratum.

    Args:
        history: what the feature models read.
        cutoff: last day that is known.
        scope: product_id, store_id and is_new of the series in scope.
    """
    pairs = list(zip(scope["product_id"], scope["store_id"], strict=True))
    sold = {
        (one.product_id, one.store_id): one for one in known_series(history, cutoff, set(pairs))
    }
    categories = history.dim_product.set_index("product_id")["category"]

    def sums(chosen: list[tuple[str, str]], window: int) -> tuple[float, int]:
        days = [sold[pair].last(window, cutoff) for pair in chosen if pair in sold]
        return sum(one.sum() for one in days), sum(len(one) for one in days)

    def category_mean(product: str) -> float:
        others = [pair for pair in pairs if pair[0] != product]
        same = [pair for pair in others if categories[pair[0]] == categories[product]]
        units, days = sums(same or others, 56)
        return units / days

    def product_mean(pair: tuple[str, str], window: int) -> float:
        others = [other for other in pairs if other[0] == pair[0] and other != pair]
        units, days = sums(others, window)
        return (units + 14 * category_mean(pair[0])) / (days + 14)

    def store_size(pair: tuple[str, str], window: int) -> float:
        others = [other for other in pairs if other[1] == pair[1] and other != pair]
        if not others:
            return 1.0
        means = {other: product_mean(other, 56) for other in others}
        expected = sum(means[other] * sums([other], window)[1] for other in others)
        prior = 3 * sum(means.values())
        return (sums(others, window)[0] + prior) / (expected + prior)

    found = {}
    for pair, is_new in zip(pairs, scope["is_new"], strict=True):
        if is_new:
            own, store, product = 28, 56, 56
            age = age_days(sold.get(pair), cutoff)
            is_store_known = (scope["store_id"].eq(pair[1]) & ~scope["is_new"]).any()
            stratum = sum(age >= days for days in HIDDEN_DAYS) - 1 + 4 * is_store_known
        else:
            stratum = ord(md5(f"{pair[0]}/{pair[1]}/{cutoff.date()}".encode()).hexdigest()[0]) % 8
            own = HIDDEN_DAYS[stratum % 4]
            store, product = (own, 56) if stratum < 4 else (56, own)
        expected = product_mean(pair, product) * store_size(pair, store)
        units, days = sums([pair], own)
        mean = (units + 8 + 2 * expected) / (days + 8 / expected + 2)
        found[pair] = (mean, int(stratum))
    return found


def slow_week_shape(
    history: History, cutoff: pd.Timestamp, scope: set[tuple[str, str]]
) -> dict[tuple[str, str, int], float]:
    """Mean of each ISO weekday over that of all days, by level and id; NaN without a sale.

    Args:
        history: what the feature models read.
        cutoff: last day that is known.
        scope: product_id and store_id of the series in scope.
    """
    sold = {(one.product_id, one.store_id): one for one in known_series(history, cutoff, scope)}
    never_sold = pd.Series([], pd.DatetimeIndex([]), dtype=float)
    days: dict[tuple[str, str], list[pd.Series]] = {}
    for product, store in scope:
        series = sold.get((product, store))
        for key in (("product", product), ("store", store)):
            last = never_sold if series is None else series.last(140, cutoff)
            days.setdefault(key, []).append(last)
    found: dict[tuple[str, str, int], float] = {}
    for (level, name), parts in days.items():
        units = pd.concat(parts)
        for weekday in range(1, 8):
            on_weekday = units[units.index.day_of_week == weekday - 1]
            is_told = len(on_weekday) > 0 and units.sum() > 0
            ratio = on_weekday.mean() / units.mean() if is_told else np.nan
            found[level, name, weekday] = float(ratio)
    return found


def age_days(series: Series | None, cutoff: pd.Timestamp) -> int:
    """Days since the first sale, that day included."""
    return 0 if series is None else int((cutoff - series.dense.index[0]).days) + 1
