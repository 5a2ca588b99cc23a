"""Half-open intervals and month ends (rules D2, T2-T4)."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

ONE_DAY = timedelta(days=1)
CALENDAR = (date(1970, 1, 1), date(9999, 12, 31))  # the days that are reckoned with
MORE_THAN_DAYS = 10_000_000  # than there are: a number times this, and a day, are one number in the order of both


@lru_cache(maxsize=1 << 14)  # the boundaries of many thousand subscriptions are few days
def day_in_month(year: int, month: int, day: int) -> date:
    """The given day of a month, or that month's last day where it is shorter. `month` may run past 12."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


def boundary_after(on: date, day: int) -> date:
    """The first monthly boundary later than `on`, for periods that begin on `day` of each month."""
    here = day_in_month(on.year, on.month, day)
    return here if here > on else day_in_month(on.year, on.month + 1, day)


def boundary_on_or_before(on: date, day: int) -> date:
    """The last monthly boundary not later than `on`."""
    here = day_in_month(on.year, on.month, day)
    return here if here <= on else day_in_month(on.year, on.month - 1, day)


def months_later(on: date, months: int, day: int) -> date:
    """The boundary `months` after the month of `on`, on `day` or that month's last."""
    return day_in_month(on.year, on.month + months, day)


def first_of_month(on: date) -> date:
    """The first day of the month of `on`."""
    return on.replace(day=1)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
