"""Performance of daily simple returns. 252 days a year throughout; undefined values are NaN (null in files)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

DAYS = 252
Array = npt.NDArray[np.float64]


def _ratio(over: float, under: float) -> float:
    return over / under if under > 1e-12 else math.nan


def max_drawdown(returns: Array) -> float:
    """Deepest fall below the running peak of the curve, which starts at 1."""
    curve = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    return float(np.min(curve / np.maximum.accumulate(curve) - 1.0))


def window_metrics(returns: Array, turnover: float) -> dict[str, float]:
    """One test window. It is shorter than 30 days, so the annual return is the mean day times 252, not compounded."""
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    volatility = deviation * math.sqrt(DAYS)
    total = float(np.prod(1.0 + returns) - 1.0)
    return {
        "returns": total,
        "annualized_return": mean * DAYS,
        "vol": volatility,
        "annualized_vol": volatility,
        "sharpe": _ratio(mean * DAYS, volatility),
        "max_drawdown": max_drawdown(returns),
        "turnover": turnover,
        "win_rate": float((returns > 0).mean()),
    }


def summary(returns: Array, benchmark: Array, windows: list[dict[str, float]]) -> dict[str, object]:
    """All windows of one series, stitched."""
    count = len(returns)
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    total = float(np.prod(1.0 + returns) - 1.0)
    annual = (1.0 + total) ** (DAYS / count) - 1.0
    drawdown = max_drawdown(returns)
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return {
        "annualized_return": annual,
        "annualized_vol": deviation * math.sqrt(DAYS),
        "max_drawdown": drawdown,
        "sharpe": _ratio(mean, deviation) * math.sqrt(DAYS),
        "sortino": _ratio(mean, downside) * math.sqrt(DAYS),
        "calmar": _ratio(annual, -drawdown),
        "total_cumulative_return": total,
        "avg_window_sharpe": float(np.nanmean([window["sharpe"] for window in windows])),
        "avg_turnover": float(np.mean([window["turnover"] for window in windows])),
        "win_rate": float(np.mean([window["returns"] > 0 for window in windows])),
        "antifragility_dist": {"af_dist": tail_balance(returns)},
        "antifragility_stress": stress(returns, benchmark),
    }


def tail_balance(returns: Array) -> float:
    """Mean of the best 5 % of days over the mean loss of the worst 5 %: above 1, the right tail is the fatter one."""
    ordered = np.sort(returns)
    count = max(1, len(ordered) // 20)
    return _ratio(float(ordered[-count:].mean()), -float(ordered[:count].mean()))


def stress(returns: Array, benchmark: Array) -> dict[str, float]:
    """On the benchmark's worst tenth of days: mean excess return a day, and its change against all other days."""
    bad = benchmark <= np.quantile(benchmark, 0.10)
    excess = returns - benchmark
    alpha = float(excess[bad].mean())
    return {"stress_alpha": alpha, "stress_delta": alpha - float(excess[~bad].mean())}


def fragility(returns: Array) -> float:
    """Mean of the worst 5 % of days, relative to what a normal distribution of equal mean and deviation would lose."""
    deviation = float(returns.std(ddof=1))
    ordered = np.sort(returns)
    count = max(1, len(ordered) // 20)
    expected = 2.0627 * deviation - float(returns.mean())  # normal expected shortfall at 5 %
    return _ratio(-float(ordered[:count].mean()), expected)
