"""The forecast frame: its keys, what it must hold, and the bounded sample that training reads.

One row is (cutoff_on, product_id, store_id, target_on): what was known about a series at an origin,
and one day to be forecast. Feature columns are those whose names start with `f_`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

SERIES = ["product_id", "store_id"]
KEYS = ["cutoff_on", "product_id", "store_id", "target_on"]
REQUIRED = [
    *KEYS,
    "horizon_days",
    "category",
    "naive_units",
    "baseline_units",
    "f_weekday_mean_8",
    "is_open",
]

FEATURE_PREFIX = "f_"
PLAN_PREFIX = "f_promo_plan"

UNITS_PREFIXES = (
    "f_mean_",
    "f_deviation_",
    "f_weekday_mean_",
    "f_last_year_mean",
    "f_promoted_mean_",
    "f_unpromoted_mean_",
    "f_base",
)
"""Features in units per day of the series itself; all others are shares, ratios, days or facts."""

UNPLANNED_EVERY = 4
"""Every fourth weekly origin is trained on as if no promotion plan were known."""


class FrameError(ValueError):
    """A frame breaks a rule; the message names the series, the rule and the finding."""


def feature_columns(frame: pd.DataFrame) -> list[str]:
    """Names of the frame's feature columns, sorted, so that their order in SQL does not matter."""
    return sorted(name for name in frame.columns if name.startswith(FEATURE_PREFIX))


def is_in_units(feature: str) -> bool:
    """Whether a feature is in units per day of the series itself."""
    return feature.startswith(UNITS_PREFIXES)


def days(dates: pd.Series) -> npt.NDArray[np.int64]:
    """Days since 1970-01-01, whatever date type the column has."""
    return pd.to_datetime(dates).to_numpy().astype("datetime64[D]").astype(np.int64)


def is_closed(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """True where the store is known to be closed on the target day; unknown counts as open."""
    return frame["is_open"].astype("boolean").eq(False).fillna(False).to_numpy(dtype=np.bool_)


def day_kind(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """`holiday` on public holidays, `event` on the day of another rare event, else `usual`.

    Both are of the store's calendar. Few stores open on a holiday, and how much they sell then is
    hard to tell; many events hardly change anything.
    """
    found = np.full(len(frame), "usual", dtype=object)
    for kind, name, value in (("event", "f_event_offset", 0), ("holiday", "f_is_holiday", 1)):
        if name in frame.columns:
            found[frame[name].eq(value).fillna(False).to_numpy(dtype=np.bool_)] = kind
    return found


def check_columns(frame: pd.DataFrame, columns: list[str]) -> None:
    """Raise a FrameError that names the columns the frame lacks."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise FrameError(
            f"forecast frame: expected the columns {', '.join(columns[:8])}, …; missing "
            f"{', '.join(missing)}. Build the features again, or train a model on these."
        )


def check_frame(frame: pd.DataFrame, columns: list[str]) -> None:
    """Hold a frame against its rules.

    Args:
        frame: rows of the forecast frame.
        columns: what is needed besides the REQUIRED columns, for example a model's features.

    Raises:
        FrameError: a column is missing; a key is null or twice; `units` is negative or infinite;
            a feature is infinite. The message names the first such series.
    """
    check_columns(frame, [*REQUIRED, *columns])
    keys_missing = frame[KEYS].isna().any(axis=1).to_numpy()
    _refuse(frame, keys_missing, f"expected every one of {', '.join(KEYS)}, found null")
    _refuse(
        frame,
        frame.duplicated(KEYS).to_numpy(),
        f"expected one row per ({', '.join(KEYS)}), found duplicates",
    )
    if "units" in frame.columns:
        units = frame["units"].to_numpy(dtype=np.float64, na_value=np.nan)
        _refuse(frame, np.isinf(units), "units: expected a finite number or null, found infinity")
        _refuse(frame, units < 0, "units: expected demand of at least 0, found less")
    for name in columns:
        if pd.api.types.is_float_dtype(frame[name]):
            infinite = np.isinf(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
            _refuse(frame, infinite, f"{name}: expected a finite number or null, found infinity")


def check_complete(frame: pd.DataFrame) -> None:
    """Raise a FrameError unless every series of an origin has the same number of target days."""
    counts = frame.groupby(["cutoff_on", *SERIES], observed=True).size()
    if len(counts) and counts.min() != counts.max():
        cutoff_on, product_id, store_id = counts.index[int(counts.to_numpy().argmin())]
        raise FrameError(
            f"forecast frame: expected {counts.max()} target days for each series, found "
            f"{counts.min()} for ({product_id!r}, {store_id!r}) at {_day(cutoff_on)}. A series is "
            "never dropped silently: look at forecast_frame for the missing days."
        )


def rows_for_training(frame: pd.DataFrame, *, max_rows: int, seed: int) -> pd.DataFrame:
    """Take the rows that a model learns from: known units, at most `max_rows`, sorted by key.

    Rows are drawn by a seeded hash of their key, so the sample depends neither on the order of the
    rows nor on chance. Origins in every fourth week have their promotion plan masked, so that the
    model knows what to expect when no plan is known.

    Args:
        frame: rows with `units`; null units are closed or not yet known days.
        max_rows: declared cap, which bounds memory and time of training.
        seed: which sample.

    Returns:
        A new frame of at most `max_rows` rows, plans as float32.
    """
    known = np.flatnonzero(frame["units"].notna().to_numpy())
    if len(known) > max_rows:
        hashes = _key_hashes(frame[KEYS].iloc[known], seed)
        known = known[np.argpartition(hashes, max_rows)[:max_rows]]
    rows = frame.iloc[known].sort_values(KEYS, ignore_index=True)
    unplanned = days(rows["cutoff_on"]) // 7 % UNPLANNED_EVERY == 0
    for name in feature_columns(rows):
        if name.startswith(PLAN_PREFIX):
            rows[name] = rows[name].astype(np.float32).mask(unplanned)
    return rows


def _key_hashes(keys: pd.DataFrame, seed: int) -> npt.NDArray[np.uint64]:
    """One 64-bit hash per row, the same for every type that holds the same dates and ids."""
    plain = pd.DataFrame(
        {
            name: days(keys[name]) if name.endswith("_on") else pd.Categorical(keys[name])
            for name in KEYS
        }
    )
    hashed = pd.util.hash_pandas_object(plain, index=False, hash_key=f"{seed % 2**64:016x}")
    return hashed.to_numpy().astype(np.uint64)


def _refuse(frame: pd.DataFrame, broken: npt.NDArray[np.bool_], rule: str) -> None:
    """Raise a FrameError for the first broken row."""
    count = int(broken.sum())
    if count:
        first = frame.iloc[int(np.argmax(broken))]
        raise FrameError(
            f"forecast frame: {rule} in {count} rows, first ({first['product_id']!r}, "
            f"{first['store_id']!r}) for {_day(first['target_on'])} at {_day(first['cutoff_on'])}. "
            "Look at this series in forecast_frame and sales_by_day."
        )


def _day(value: object) -> str:
    return str(value)[:10]
