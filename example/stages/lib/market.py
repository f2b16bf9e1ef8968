"""The market data inside the skfolio wheel, and what is known about each symbol.

Daily adjusted closes of 20 S&P 500 stocks and of the index (1990-2022) and of five factor ETFs (2014-2022). The files
are read from the package's folder by path: importing skfolio itself would cost seconds in stages that need only prices.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .env import EXIT_NO_INPUT, EXIT_TEMPORARY, fail

if TYPE_CHECKING:
    import pandas as pd

START = "2014-01-02"  # the first day on which all series exist
BENCHMARK = "SP:SPX"


@dataclass(frozen=True)
class Instrument:
    name: str  # as in the data set
    exchange: str
    description: str
    sector: str
    asset_class: str = "equity"
    alternative: str | None = None  # the same share on another exchange

    @property
    def symbol(self) -> str:
        return f"{self.exchange}:{self.name}"

    @property
    def market(self) -> str:
        return "US_ETF" if self.asset_class == "etf" else self.exchange


_INSTRUMENTS = (
    Instrument("AAPL", "NASDAQ", "Apple Inc.", "Technology", alternative="XETR:APC"),
    Instrument("AMD", "NASDAQ", "Advanced Micro Devices, Inc.", "Technology", alternative="XETR:AMD"),
    Instrument("BAC", "NYSE", "Bank of America Corporation", "Financials", alternative="XETR:NCB"),
    Instrument("BBY", "NYSE", "Best Buy Co., Inc.", "Consumer Discretionary"),
    Instrument("CVX", "NYSE", "Chevron Corporation", "Energy"),
    Instrument("GE", "NYSE", "General Electric Company", "Industrials"),
    Instrument("HD", "NYSE", "The Home Depot, Inc.", "Consumer Discretionary", alternative="XETR:HDI"),
    Instrument("JNJ", "NYSE", "Johnson & Johnson", "Health Care", alternative="XETR:JNJ"),
    Instrument("JPM", "NYSE", "JPMorgan Chase & Co.", "Financials", alternative="XETR:CMC"),
    Instrument("KO", "NYSE", "The Coca-Cola Company", "Consumer Staples", alternative="XETR:CCC3"),
    Instrument("LLY", "NYSE", "Eli Lilly and Company", "Health Care"),
    Instrument("MRK", "NYSE", "Merck & Co., Inc.", "Health Care", alternative="XETR:6MK"),
    Instrument("MSFT", "NASDAQ", "Microsoft Corporation", "Technology", alternative="XETR:MSF"),
    Instrument("PEP", "NASDAQ", "PepsiCo, Inc.", "Consumer Staples", alternative="XETR:PEP"),
    Instrument("PFE", "NYSE", "Pfizer Inc.", "Health Care", alternative="XETR:PFE"),
    Instrument("PG", "NYSE", "The Procter & Gamble Company", "Consumer Staples", alternative="XETR:PRG"),
    Instrument("RRC", "NYSE", "Range Resources Corporation", "Energy"),
    Instrument("UNH", "NYSE", "UnitedHealth Group Incorporated", "Health Care"),
    Instrument("WMT", "NYSE", "Walmart Inc.", "Consumer Staples"),
    Instrument("XOM", "NYSE", "Exxon Mobil Corporation", "Energy"),
    Instrument("MTUM", "CBOE", "iShares MSCI USA Momentum Factor ETF", "Momentum", "etf"),
    Instrument("QUAL", "CBOE", "iShares MSCI USA Quality Factor ETF", "Quality", "etf"),
    Instrument("SIZE", "AMEX", "iShares MSCI USA Size Factor ETF", "Size", "etf"),
    Instrument("USMV", "CBOE", "iShares MSCI USA Min Vol Factor ETF", "Minimum Volatility", "etf"),
    Instrument("VLUE", "CBOE", "iShares MSCI USA Value Factor ETF", "Value", "etf"),
)

INSTRUMENTS: dict[str, Instrument] = {item.symbol: item for item in _INSTRUMENTS}
STOCKS: tuple[str, ...] = tuple(item.name for item in _INSTRUMENTS if item.asset_class == "equity")
FACTORS: tuple[str, ...] = tuple(item.name for item in _INSTRUMENTS if item.asset_class == "etf")


def symbols(names: tuple[str, ...]) -> list[str]:
    """Full symbols (`NYSE:KO`) of names (`KO`), sorted by name."""
    by_name = {item.name: item.symbol for item in _INSTRUMENTS}
    return [by_name[name] for name in sorted(names)]


def load(dataset: str) -> pd.DataFrame:
    """One of skfolio's bundled data sets: `sp500_dataset`, `sp500_index`, `factors_dataset`."""
    spec = find_spec("skfolio")
    if spec is None or spec.origin is None:
        fail(f"{sys.executable} has no skfolio: pip install -r requirements.txt", EXIT_NO_INPUT)
    import pandas as pd

    path = Path(spec.origin).parent / "datasets" / "data" / f"{dataset}.csv.gz"
    if not path.is_file():
        fail(f"this skfolio carries no {path.name}", EXIT_NO_INPUT)
    try:
        frame = pd.read_csv(path, index_col=0, parse_dates=[0])
    except OSError as error:  # a busy or remote disk: another attempt may succeed
        fail(f"cannot read {path}: {error}", EXIT_TEMPORARY)
    frame.index.name = "date"
    return frame.astype(float)
