"""Data health: whether series have gaps or stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

STALE_DAYS = 5  # days in a row without a move that make a series stale
STATUSES = ("OK", "STALE", "MISSING")


def longest_flat(moves: pd.Series) -> int:
    """The longest run of days on which nothing moved."""
    flat = moves == 0
    return int(flat.groupby((~flat).cumsum()).sum().max())


def status(missing: int, flat: int) -> str:
    return "MISSING" if missing else "STALE" if flat >= STALE_DAYS else "OK"


def counts(statuses: Iterable[str]) -> dict[str, int]:
    """How many series have each status; the content of data_health.json."""
    found = list(statuses)
    return {name: found.count(name) for name in STATUSES if name in found}
