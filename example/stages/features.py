"""<sleeve>.features: returns, the walk-forward grid with its regimes, and each symbol's features at each decision."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
import numpy as np
import pandas as pd

from lib import regime, windows
from lib.env import Run, argument
from lib.files import read_frame, write_csv, write_json
from lib.market import BENCHMARK
from lib.sleeves import NAMES, SLEEVES


def directional_index(close: pd.DataFrame, days: int = 14) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Wilder's ADX and ATR from closes alone: the data set has no highs and lows, so a day's range is its move."""
    move = close.diff()

    def smooth(table: pd.DataFrame) -> pd.DataFrame:
        return table.ewm(alpha=1.0 / days, min_periods=days).mean()

    true_range = smooth(move.abs())
    up = 100.0 * smooth(move.clip(lower=0.0)) / true_range
    down = 100.0 * smooth((-move).clip(lower=0.0)) / true_range
    index = smooth(100.0 * (up - down).abs() / (up + down))
    return index, true_range


def residual_momentum(returns: pd.DataFrame, market: pd.Series, days: int = 231, skip: int = 21) -> pd.DataFrame:
    """t value of a symbol's alpha against the index, over the year that ended a month ago."""
    past, past_market = returns.shift(skip), market.shift(skip)
    variance = past_market.rolling(days).var()
    beta = past.rolling(days).cov(past_market).div(variance, axis=0)
    alpha = past.rolling(days).mean() - beta.mul(past_market.rolling(days).mean(), axis=0)
    residual = past.rolling(days).var() - beta.pow(2).mul(variance, axis=0)
    return alpha / (residual.clip(lower=1e-12) / days).pow(0.5)


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    with span("read prices") as step:
        prices = read_frame(folder / "prices.csv")
        index = read_frame(folder / "benchmark.csv")[BENCHMARK]
        step.set_attribute("days", len(prices))
        step.set_attribute("assets", prices.shape[1])

    with span("compute features", assets=prices.shape[1]) as step:
        returns = prices.pct_change().iloc[1:]
        market = index.pct_change().reindex(returns.index)
        adx, atr = directional_index(prices)
        deviation = returns.rolling(63).std()
        tables = {
            "momentum_12_1": prices.shift(21) / prices.shift(252) - 1.0,
            "strength_126": (prices / prices.shift(126) - 1.0) / (returns.rolling(126).std() * np.sqrt(126)),
            "reversal_21": (prices / prices.shift(21) - 1.0) / (deviation * np.sqrt(21)),
            "residual_momentum": residual_momentum(returns, market),
            "volatility_63": deviation * np.sqrt(252),
            "adx": adx,
            "atr": atr,
            "close": prices,
        }
        step.set_attribute("features", len(tables))

    with span("find regimes", days=len(index)):
        states = regime.regimes(index)
    grid, dates = windows.grid(len(returns)), pd.DatetimeIndex(returns.index)
    with span("cut windows", windows=len(grid)) as step:
        described, rows = [], []
        for window in grid:
            date = dates[window.decision]
            state = regime.name(states.loc[date])
            described.append(windows.describe(window, dates) | {"regime": state})
            features = pd.DataFrame({name: table.loc[date] for name, table in tables.items()})
            features.insert(0, "window", window.index)
            rows.append(features.rename_axis("symbol").reset_index())
        step.set_attribute("rows", sum(map(len, rows)))

    with span("write features"):
        write_csv(folder / "returns_matrix.csv", returns.assign(**{BENCHMARK: market}))
        write_csv(folder / "features.csv", pd.concat(rows)[["window", "symbol", *tables]], index=False)
        write_json(folder / "windows.json", described)
    print(f"{sleeve.name}: {len(grid) - 1} windows of {windows.TEST} days, {len(tables)} features")


if __name__ == "__main__":
    stage(main)
