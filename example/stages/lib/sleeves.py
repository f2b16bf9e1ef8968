"""The sleeves: which symbols each may trade, what it scores them by, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from .market import FACTORS, STOCKS


@dataclass(frozen=True)
class Sleeve:
    name: str
    title: str
    universe: tuple[str, ...]  # short names, as in the data set
    feature: str  # the feature that ranks symbols
    lookbacks: tuple[int, ...]  # the days that feature, the veto and the clusters look back
    sign: float  # +1: high is good, -1: low is good
    top: int  # how many symbols to hold long
    bottom: int = 0  # how many to hold short; 0: a long-only sleeve
    max_per_cluster: int = 2  # selection limit, per direction
    clusters: int = 5  # at most this many correlation clusters
    veto_volatility: float = 0.8  # annual; above it a symbol is refused
    asset_cap: float = 0.35
    cluster_cap: float = 0.5


_SLEEVES = (
    Sleeve(
        name="momentum",
        title="12-1 month momentum, long",
        universe=STOCKS,
        feature="momentum_12_1",
        lookbacks=(21, 63, 252),
        sign=1.0,
        top=8,
    ),
    Sleeve(
        name="low_volatility",
        title="Low volatility, long, defensive and energy names",
        universe=("CVX", "HD", "JNJ", "KO", "LLY", "MRK", "PEP", "PFE", "PG", "UNH", "WMT", "XOM"),
        feature="volatility_63",
        lookbacks=(63, 252),
        sign=-1.0,
        top=6,
        veto_volatility=0.4,
    ),
    Sleeve(
        name="mean_reversion",
        title="One-month reversal, long, cyclical names",
        universe=("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JPM", "MSFT", "RRC", "WMT", "XOM"),
        feature="reversal_21",
        lookbacks=(21, 63, 252),
        sign=-1.0,
        top=5,
        veto_volatility=0.9,
    ),
    Sleeve(
        name="long_short",
        title="Residual momentum against the index, long and short",
        universe=STOCKS,
        feature="residual_momentum",
        lookbacks=(21, 63, 252),
        sign=1.0,
        top=5,
        bottom=5,
        asset_cap=0.25,
    ),
    Sleeve(
        name="factor_rotation",
        title="Six-month relative strength over factor ETFs, long",
        universe=FACTORS,
        feature="strength_126",
        lookbacks=(63, 126, 252),
        sign=1.0,
        top=4,
        clusters=3,
        asset_cap=0.5,
        cluster_cap=0.6,
    ),
)

SLEEVES: dict[str, Sleeve] = {sleeve.name: sleeve for sleeve in _SLEEVES}
NAMES: tuple[str, ...] = tuple(SLEEVES)

# How much of the whole a sleeve may be.
SLEEVE_FLOOR = 0.05
SLEEVE_CAP = 0.5
