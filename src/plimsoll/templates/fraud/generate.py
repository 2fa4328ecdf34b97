"""Makes card transactions and their fraud labels: the same seed gives the same files, on any machine.

    python generate.py --days 60 --per-day 1500 --seed 7 --out data/ [--shift-day 45]
    python generate.py --days 30 --seed 11 --start 2026-03-06 --shift-day 0     # the month after, in a changed world

It writes one Parquet file a week: `transactions-*.parquet` as they happened, and `labels-*.parquet` as they became
known (a fraud when its chargeback arrives, a legitimate payment when its dispute window closes). Labels that were
still unknown on the last day are left out, as they would be.

Three schemes of fraud are in the stream. Stolen card numbers are used online, in bursts, on devices never seen
before. Stolen cards are tapped far from home. People are talked into transfers over the phone: device, amount and
place are ordinary; rare in most countries, it is four fifths of all fraud in LU. Some fraud looks like any other
payment. In the last week there are merchants of a category that was never there before: subscriptions, until then
filed under gaming and electronics. None of these payments has its label yet, so no model has learned of them.

With --shift-day a fourth scheme appears on that day (taken-over accounts, emptied through gaming at night), amounts
double and payments move online: a second regime, for trying out drift and retraining. With --start the rows begin on
another day and are added to what is there, with ids of their own.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

START = np.datetime64("2026-01-05T00:00:00", "s")  # a Monday, so that a file holds a calendar week
DAY = 86_400

COUNTRIES = ("GB", "FR", "DE", "LU")
COUNTRY_SHARE = (0.43, 0.28, 0.24, 0.05)
AGE_GROUPS = ("18-25", "26-40", "41-60", "61+")
AGE_SHARE = (0.18, 0.34, 0.31, 0.17)
CATEGORIES = ("grocery", "fuel", "restaurant", "fashion", "electronics", "travel", "gaming", "transfer")
CATEGORY_SHARE = (0.31, 0.11, 0.20, 0.11, 0.07, 0.05, 0.06, 0.09)
CATEGORY_MEDIAN = np.array([24.0, 42.0, 27.0, 48.0, 95.0, 180.0, 14.0, 85.0])
SUBSCRIPTION = "subscription"
SUBSCRIPTION_DAYS = 7
CHANNELS = ("chip", "contactless", "online", "phone")
CHANNEL_BY_CATEGORY = np.array(
    [
        [0.34, 0.58, 0.08, 0.00],  # grocery
        [0.55, 0.45, 0.00, 0.00],  # fuel
        [0.33, 0.62, 0.04, 0.01],  # restaurant
        [0.28, 0.27, 0.44, 0.01],  # fashion
        [0.24, 0.10, 0.65, 0.01],  # electronics
        [0.08, 0.04, 0.80, 0.08],  # travel
        [0.01, 0.01, 0.98, 0.00],  # gaming
        [0.02, 0.00, 0.73, 0.25],  # transfer
    ]
)
HOURS = np.array([1, 0.6, 0.4, 0.3, 0.3, 0.6, 1.5, 3, 4.5, 5, 5.5, 6.5, 8, 7, 6, 5.6, 6, 7.4, 8, 7, 5.5, 4.2, 3, 1.8])

GROCERY, FUEL, RESTAURANT, FASHION, ELECTRONICS, TRAVEL, GAMING, TRANSFER = range(len(CATEGORIES))
CHIP, CONTACTLESS, ONLINE, PHONE = range(len(CHANNELS))
LU = COUNTRIES.index("LU")


@dataclass(frozen=True)
class Customers:
    """Who pays: one entry per customer in every array."""

    country: np.ndarray
    age_group: np.ndarray
    spending: np.ndarray  # factor on every amount
    activity: np.ndarray  # share of all payments
    account_age: np.ndarray  # days, on the first day


def generate(
    *, days: int, per_day: int, seed: int, shift_day: int | None = None, start: np.datetime64 = START
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Transactions in time order, and the labels that were known at the end of the last day."""
    rng = np.random.default_rng(seed)
    customers = _customers(rng, count=max(200, 3 * per_day))
    parts = [_legitimate(rng, customers, days=days, per_day=per_day, shift_day=shift_day)]
    for country in range(len(COUNTRIES)):
        parts += _fraud_in(rng, customers, country, days=days, per_day=per_day, shift_day=shift_day)
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["second"] < days * DAY].sort_values("second", kind="stable", ignore_index=True)
    transactions, labels = _transactions(rng, rows, customers), _labels(rng, rows, days=days)
    transactions = _with_subscriptions(rng, transactions, first_day=days - SUBSCRIPTION_DAYS if start == START else 0)
    return _begun(transactions, "event_time", start), _begun(labels, "label_time", start)


def _begun(rows: pd.DataFrame, time: str, start: np.datetime64) -> pd.DataFrame:
    """The rows as they are when the first day is another one; their ids say which."""
    days = int((start - START) // np.timedelta64(DAY, "s"))
    if days == 0:
        return rows
    ids = [f"t{days:04d}-{name[1:]}" for name in rows["transaction_id"]]
    return rows.assign(**{"transaction_id": ids, time: rows[time] + np.timedelta64(days * DAY, "s")})


def _customers(rng: np.random.Generator, *, count: int) -> Customers:
    return Customers(
        country=rng.choice(len(COUNTRIES), size=count, p=COUNTRY_SHARE),
        age_group=rng.choice(len(AGE_GROUPS), size=count, p=AGE_SHARE),
        spending=rng.lognormal(0.0, 0.35, count),
        activity=rng.dirichlet(np.full(count, 1.5)),
        account_age=rng.gamma(1.6, 700.0, count).astype(np.int64) + 5,
    )


def _legitimate(
    rng: np.random.Generator, customers: Customers, *, days: int, per_day: int, shift_day: int | None
) -> pd.DataFrame:
    count = int(days * per_day * 0.98)
    day = rng.integers(0, days, count)
    shifted = _after(day, shift_day)
    customer = rng.choice(len(customers.country), size=count, p=customers.activity)
    category = rng.choice(len(CATEGORIES), size=count, p=CATEGORY_SHARE)
    channel = _draw_by_row(rng, CHANNEL_BY_CATEGORY[category])
    moved = shifted & (rng.random(count) < 0.5)
    channel = np.where(moved, ONLINE, channel)
    travelling = rng.random(count) < 0.05
    distance = np.where(travelling, rng.lognormal(5.6, 1.0, count), rng.lognormal(1.3, 1.0, count))
    return pd.DataFrame(
        {
            "second": day * DAY + _second_of_day(rng, count),
            "customer": customer,
            "category": category,
            "channel": channel,
            "amount": _amounts(rng, category, customers.spending[customer]) * np.where(shifted, 2.0, 1.0),
            "device_known": rng.random(count) > np.where(channel == ONLINE, 0.12, 0.05),
            "distance": distance,
            "is_fraud": False,
        }
    )


def _fraud_in(
    rng: np.random.Generator, customers: Customers, country: int, *, days: int, per_day: int, shift_day: int | None
) -> list[pd.DataFrame]:
    """The fraud of one country, about 2 % of its payments (3.5 % in LU), scheme by scheme."""
    total = days * per_day * COUNTRY_SHARE[country] * (0.035 if country == LU else 0.02)
    everywhere = {"numbers": 0.52, "tapped": 0.32, "phone": 0.04, "plain": 0.12}
    shares = {"numbers": 0.10, "tapped": 0.06, "phone": 0.80, "plain": 0.04} if country == LU else everywhere
    victims = np.flatnonzero(customers.country == country)
    parts = [
        _scheme(rng, name, _bursts(rng, victims, rows=int(total * share), days=days, mean_length=LENGTHS[name]))
        for name, share in shares.items()
        if share
    ]
    if shift_day is not None and shift_day < days:
        rows = int(total * (days - shift_day) / days * 0.8)
        bursts = _bursts(rng, victims, rows=rows, days=days, mean_length=3.0, first_day=shift_day)
        parts.append(_scheme(rng, "taken over", bursts))
    return parts


LENGTHS = {"numbers": 3.0, "tapped": 2.5, "phone": 1.4, "plain": 1.0}


def _bursts(
    rng: np.random.Generator, victims: np.ndarray, *, rows: int, days: int, mean_length: float, first_day: int = 0
) -> pd.DataFrame:
    """Victims, each with a few payments within hours of the first: columns customer, second."""
    lengths = rng.geometric(1 / mean_length, size=max(1, rows))
    lengths = lengths[: max(1, int(np.searchsorted(np.cumsum(lengths), rows)) + 1)]
    count = int(lengths.sum())
    customer = np.repeat(rng.choice(victims, size=len(lengths)), lengths)
    start = np.repeat(rng.integers(first_day, days, len(lengths)) * DAY + _second_of_day(rng, len(lengths)), lengths)
    place = np.arange(count) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    gap = (place * rng.lognormal(6.4, 0.9, count)).astype(np.int64)
    return pd.DataFrame({"customer": customer, "second": start + gap})


def _scheme(rng: np.random.Generator, name: str, bursts: pd.DataFrame) -> pd.DataFrame:
    """The payments of one kind of fraud."""
    count = len(bursts)

    def pick(options: list[int], shares: list[float]) -> np.ndarray:
        return rng.choice(options, size=count, p=shares)

    match name:
        case "numbers":
            category = pick([ELECTRONICS, FASHION, TRAVEL, GAMING], [0.45, 0.25, 0.15, 0.15])
            channel = pick([ONLINE, PHONE], [0.94, 0.06])
            factor, known, distance = 1.9, 0.25, rng.lognormal(5.0, 1.6, count)
        case "tapped":
            category = pick([GROCERY, FUEL, RESTAURANT, FASHION], [0.4, 0.25, 0.15, 0.2])
            channel = pick([CONTACTLESS, CHIP], [0.95, 0.05])
            factor, known, distance = 1.4, 0.9, rng.lognormal(4.4, 1.0, count)
        case "phone":
            category = pick([TRANSFER, ELECTRONICS], [0.95, 0.05])
            channel = pick([PHONE, ONLINE], [0.9, 0.1])
            factor, known, distance = 1.3, 0.9, rng.lognormal(1.4, 1.0, count)
        case "taken over":
            category = pick([GAMING, TRANSFER], [0.8, 0.2])
            channel = pick([ONLINE], [1.0])
            factor, known, distance = 2.5, 0.9, rng.lognormal(1.4, 1.0, count)
        case _:
            category = rng.choice(len(CATEGORIES), size=count, p=CATEGORY_SHARE)
            channel = _draw_by_row(rng, CHANNEL_BY_CATEGORY[category])
            factor, known, distance = 1.6, 0.7, rng.lognormal(2.2, 1.4, count)
    second = bursts["second"].to_numpy()
    if name == "taken over":
        second = second // DAY * DAY + rng.integers(0, 5 * 3600, count)
    return pd.DataFrame(
        {
            "second": second,
            "customer": bursts["customer"],
            "category": category,
            "channel": channel,
            "amount": _amounts(rng, category, np.full(count, factor)),
            "device_known": rng.random(count) < known,
            "distance": distance,
            "is_fraud": True,
        }
    )


def _transactions(rng: np.random.Generator, rows: pd.DataFrame, customers: Customers) -> pd.DataFrame:
    """The rows as a card processor stores them, with what it knows at the moment of the payment."""
    customer, second = rows["customer"].to_numpy(), rows["second"].to_numpy()
    since_last, count_24h = _velocity(customer, second)
    remote = rows["channel"].isin([ONLINE, PHONE]).to_numpy()
    unknown_place = rng.random(len(rows)) < np.where(remote, 0.35, 0.02)
    return pd.DataFrame(
        {
            "transaction_id": _transaction_ids(len(rows)),
            "event_time": START + second.astype("timedelta64[s]"),
            "customer_id": [f"c{number:06d}" for number in customer],
            "age_group": np.array(AGE_GROUPS)[customers.age_group[customer]],
            "country": np.array(COUNTRIES)[customers.country[customer]],
            "merchant_category": np.array(CATEGORIES)[rows["category"]],
            "channel": np.array(CHANNELS)[rows["channel"]],
            "amount": rows["amount"].clip(0.5, 20_000).round(2),
            "hour": second % DAY // 3600,
            "account_age_days": customers.account_age[customer] + second // DAY,
            "device_known": rows["device_known"],
            "seconds_since_last": since_last,
            "count_24h": count_24h,
            "distance_from_home_km": rows["distance"].clip(0, 18_000).round().mask(unknown_place),
        }
    )


def _with_subscriptions(rng: np.random.Generator, transactions: pd.DataFrame, *, first_day: int) -> pd.DataFrame:
    """From that day on, four fifths of what is bought online from gaming and electronics are subscriptions."""
    new = transactions["event_time"] >= START + first_day * np.timedelta64(DAY, "s")
    sold_online = transactions["merchant_category"].isin(["gaming", "electronics"]) & (
        transactions["channel"] == "online"
    )
    moved = new & sold_online & (rng.random(len(transactions)) < 0.8)
    return transactions.assign(merchant_category=transactions["merchant_category"].mask(moved, SUBSCRIPTION))


def _velocity(customer: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the customer's last payment (NaN at the first), and payments in the 24 h before this one."""
    order = np.lexsort((second, customer))
    who, when = customer[order], second[order]
    step = np.diff(when, prepend=0).astype(np.float64)
    step[np.flatnonzero(np.diff(who, prepend=-1))] = np.nan
    line = who * (1 << 32) + when  # customers far apart on one line, so that one search serves all of them
    earlier = np.arange(len(line)) - np.searchsorted(line, line - DAY)
    since_last, count_24h = np.empty(len(line)), np.empty(len(line), dtype=np.int64)
    since_last[order], count_24h[order] = step, earlier
    return since_last, count_24h


def _labels(rng: np.random.Generator, rows: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """What became known, when: chargebacks after about a week, all others when the dispute window closes."""
    fraud = rows["is_fraud"].to_numpy()
    delay = np.where(fraud, rng.lognormal(1.8, 0.5, len(rows)).clip(0.5, 13.9), 14.0)
    known_at = rows["second"].to_numpy() + (delay * DAY).astype(np.int64)
    labels = pd.DataFrame(
        {
            "transaction_id": _transaction_ids(len(rows)),
            "label_time": START + known_at.astype("timedelta64[s]"),
            "is_fraud": fraud,
        }
    )
    return labels[known_at < days * DAY].sort_values("label_time", kind="stable", ignore_index=True)


def _transaction_ids(count: int) -> list[str]:
    return [f"t{number:08d}" for number in range(count)]


def _after(day: np.ndarray, shift_day: int | None) -> np.ndarray:
    return np.zeros(len(day), dtype=bool) if shift_day is None else day >= shift_day


def _second_of_day(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice(24, size=count, p=HOURS / HOURS.sum()) * 3600 + rng.integers(0, 3600, count)


def _amounts(rng: np.random.Generator, category: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return CATEGORY_MEDIAN[category] * rng.lognormal(0.0, 0.7, len(category)) * factor


def _draw_by_row(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """One draw per row from that row's own shares."""
    return (rng.random((len(shares), 1)) > np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)


def write_weekly(frame: pd.DataFrame, folder: Path, *, name: str, time: str, add: bool = False) -> list[Path]:
    """One Parquet file for each week of `time`, named by its first day; files that were there before are replaced.

    add: they are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob(f"{name}-*.parquet") if not add else ():
        stale.unlink()
    written = []
    with duckdb.connect(config={"threads": 1}) as connection:
        for monday, week in frame.groupby(frame[time].dt.to_period("W-SUN").dt.start_time, sort=True):
            first = max(monday, frame[time].min().normalize()) if add else monday
            path = folder / f"{name}-{first:%Y-%m-%d}.parquet"
            connection.register("week", week)
            target = str(path).replace("'", "''")
            connection.execute(f"COPY week TO '{target}' (FORMAT parquet)").fetchall()
            connection.unregister("week")
            written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Make card transactions and their fraud labels.")
    parser.add_argument("--days", type=int, default=60, help="days of transactions (default 60)")
    parser.add_argument("--per-day", type=int, default=1500, help="transactions a day (default 1500)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same files (default 7)")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder for the files (default data/)")
    parser.add_argument("--shift-day", type=int, help="day from which the second regime holds (default never)")
    parser.add_argument("--start", type=np.datetime64, help="first day; the rows are added to those that are there")
    given = parser.parse_args()
    start = START if given.start is None else given.start.astype("datetime64[s]")
    regime = {"shift_day": given.shift_day, "start": start}
    transactions, labels = generate(days=given.days, per_day=given.per_day, seed=given.seed, **regime)
    add = given.start is not None
    files = write_weekly(transactions, given.out, name="transactions", time="event_time", add=add)
    files += write_weekly(labels, given.out, name="labels", time="label_time", add=add)
    share = labels["is_fraud"].mean()
    print(f"{len(transactions):,} transactions, {len(labels):,} labels ({share:.1%} fraud) in {len(files)} files")


if __name__ == "__main__":
    main()
