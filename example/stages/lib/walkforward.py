"""The tournament's bookkeeping, the same for a sleeve and for the portfolio of sleeves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import metrics
from .engines import Array
from .files import write_csv, write_json
from .simulators import SIMULATORS, Book

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

Key = tuple[str, str, str]  # simulator, engine, profile


@dataclass(frozen=True)
class Holding:
    """What a contender holds through one window."""

    names: list[str]
    weights: Array
    test: Array  # returns, days by names
    short: Array  # 1 where the name is a short position, else 0


class Tournament:
    """Plays every contender through the windows, one account per simulator."""

    def __init__(self) -> None:
        self._books: dict[Key, Book] = {}
        self._days: dict[Key, list[Array]] = defaultdict(list)
        self._windows: dict[Key, list[dict[str, Any]]] = defaultdict(list)

    def play(self, engine: str, profile: str, holding: Holding, facts: dict[str, Any]) -> dict[str, dict[str, float]]:
        """One window of one contender, in every simulator: its metrics. `facts` are kept with them."""
        results = {}
        for simulator in SIMULATORS:
            key = (simulator, engine, profile)
            book = self._books.setdefault(key, Book(simulator))
            days, turnover = book.hold(holding.names, holding.weights, holding.test, holding.short)
            results[simulator] = metrics.window_metrics(days, turnover)
            self._days[key].append(days)
            self._windows[key].append(facts | results[simulator])
        return results

    def series(self) -> dict[Key, Array]:
        """Stitched daily returns, in a stable order."""
        return {key: np.concatenate(self._days[key]) for key in sorted(self._days)}

    def write_series(self, folder: Path, dates: pd.Index) -> None:
        """The stitched daily returns, and an index that keeps the three parts of each name."""
        import pandas as pd

        entries = []
        for (simulator, engine, profile), days in self.series().items():
            name = f"{simulator}_{engine}_{profile}"
            write_csv(folder / "returns" / f"{name}.csv", pd.DataFrame({"returns": days}, index=dates))
            parts = {"simulator": simulator, "engine": engine, "profile": profile}
            entries.append({"name": name, "file": f"returns/{name}.csv", **parts})
        write_json(folder / "returns" / "index.json", {"series": entries})

    def nested(self, benchmark: Array) -> dict[str, Any]:
        """simulator → engine → profile → summary and windows."""
        result: dict[str, Any] = {}
        for (simulator, engine, profile), days in self.series().items():
            rows = self._windows[simulator, engine, profile]
            entry = {"summary": metrics.summary(days, benchmark, rows), "windows": rows}
            result.setdefault(simulator, {}).setdefault(engine, {})[profile] = entry
        return result
