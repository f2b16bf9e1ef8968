"""Market regimes from the index alone: where its volatility and drawdown stand in its own history so far."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

VOLATILITY_DAYS = 63
TREND_DAYS = 252
DEEP_DRAWDOWN = -0.10


def regimes(close: pd.Series) -> pd.DataFrame:
    """For each day: `score` (percentile of the 63-day volatility among all days until then, 0..1) and the drawdown."""
    returns = close.pct_change()
    volatility = returns.rolling(VOLATILITY_DAYS).std()
    return pd.DataFrame(
        {
            "score": volatility.expanding(TREND_DAYS).rank(pct=True),
            "drawdown": close / close.rolling(TREND_DAYS).max() - 1.0,
            "trend": close / close.shift(TREND_DAYS) - 1.0,
        }
    )


def name(row: Any) -> dict[str, Any]:
    """Terciles of volatility; the top one is a crisis when the index is also 10 % below its high of a year."""
    score, drawdown, trend = float(row.score), float(row.drawdown), float(row.trend)
    if not np.isfinite(score):
        return {"name": "UNKNOWN", "score": None, "quadrant": "UNKNOWN"}
    if score >= 2 / 3:
        label = "CRISIS" if drawdown <= DEEP_DRAWDOWN else "TURBULENT"
    else:
        label = "QUIET" if score < 1 / 3 else "NORMAL"
    quadrant = f"{'RISING' if trend >= 0 else 'FALLING'}_{'VOLATILE' if score >= 0.5 else 'CALM'}"
    return {"name": label, "score": score, "quadrant": quadrant}
