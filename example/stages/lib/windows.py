"""The walk-forward grid: every window is decided at the close before its test days, with data up to that close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

TRAIN = 252  # trading days the engines learn from
TEST = 21  # trading days a decision is held
STEP = TEST
WARM_UP = 252  # days before the first training window, for the slowest feature


@dataclass(frozen=True)
class Window:
    """Row numbers into the returns table; `test_end` is exclusive. The live window has no test days yet."""

    index: int
    decision: int  # last row known when deciding
    test_end: int
    live: bool

    @property
    def train(self) -> slice:
        return slice(self.decision + 1 - TRAIN, self.decision + 1)

    @property
    def test(self) -> slice:
        return slice(self.decision + 1, self.test_end)


def grid(rows: int, warm_up: int = WARM_UP) -> list[Window]:
    """All full windows in `rows` days, the last one ending on the last day; then the live one, decided on that day."""
    windows: list[Window] = []
    count = (rows - warm_up - TRAIN) // STEP
    for decision in range(rows - 1 - count * STEP, rows - 1, STEP):
        windows.append(Window(len(windows), decision, decision + 1 + TEST, live=False))
    windows.append(Window(len(windows), rows - 1, rows, live=True))
    return windows


def describe(window: Window, dates: pd.DatetimeIndex) -> dict[str, Any]:
    test = dates[window.test]
    return {
        "window": window.index,
        "live": window.live,
        "decision_date": day(dates[window.decision]),
        "train_start": day(dates[window.train.start]),
        "start_date": None if window.live else day(test[0]),
        "end_date": None if window.live else day(test[-1]),
    }


def day(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%d")


def instant(date: str) -> str:
    """A date as the reports' time stamps: all times in this example come from the data."""
    return f"{date}T00:00:00Z"
