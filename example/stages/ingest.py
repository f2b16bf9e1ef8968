"""<sleeve>.ingest: the sleeve's closes out of the data set, its raw pool, and an honest look at the data's health."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from typing import Any

from lib import health, market
from lib.env import Run, argument, fail
from lib.files import write_csv, write_json, write_text
from lib.sleeves import NAMES, SLEEVES


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    stocks = sleeve.universe[0] in market.STOCKS
    dataset = "sp500_dataset" if stocks else "factors_dataset"

    with span("read prices", dataset=dataset) as step:
        prices = market.load(dataset)
        step.set_attribute("rows", len(prices))
    with span("read index", dataset="sp500_index") as step:
        index = market.load("sp500_index").rename(columns={"SP500": market.BENCHMARK})
        step.set_attribute("rows", len(index))
    absent = sorted(set(sleeve.universe) - set(prices.columns))
    if absent:
        fail(f"{dataset} has no {', '.join(absent)}")
    symbols = market.symbols(sleeve.universe)
    prices = prices[[symbol.split(":")[1] for symbol in symbols]].set_axis(symbols, axis=1)
    prices = prices.loc[market.START :].reindex(index.loc[market.START :].index)

    found: dict[str, dict[str, Any]] = {}
    with span("check data health", assets=len(symbols)):
        for symbol in symbols:
            close = prices[symbol]
            missing, flat = int(close.isna().sum()), health.longest_flat(close.diff())
            status = health.status(missing, flat)
            found[symbol] = {"status": status, "missing_days": missing, "longest_flat_days": flat}
    counts = health.counts(item["status"] for item in found.values())

    pool = [
        {
            "symbol": symbol,
            "description": item.description,
            "sector": item.sector,
            "market": item.market,
            "asset_class": item.asset_class,
            "close": prices[symbol].iloc[-1],
            "alternative": item.alternative,
            "health": found[symbol],
        }
        for symbol in symbols
        for item in [market.INSTRUMENTS[symbol]]
    ]
    with span("write prices", rows=len(prices), assets=len(symbols)):
        write_csv(folder / "prices.csv", prices)
        write_csv(folder / "benchmark.csv", index)
        write_json(folder / "raw_pool.json", {"datasets": [dataset, "sp500_index"], "symbols": pool})
        write_json(folder / "data_health.json", counts)

    lines = [f"# Data health: {sleeve.name}", "", f"Days: {len(prices)}, to {prices.index[-1]:%Y-%m-%d}.", ""]
    lines += ["## Summary by Status", "", "| Status | Count |", "| :--- | ---: |"]
    lines += [f"| {status} | {count} |" for status, count in counts.items()]
    lines += ["", "## Symbols", "", "| Symbol | Status | Missing days | Longest flat run (days) |"]
    lines += ["| :--- | :--- | ---: | ---: |"]
    for symbol, item in found.items():
        lines.append(f"| {symbol} | {item['status']} | {item['missing_days']} | {item['longest_flat_days']} |")
    with span("write health report"):
        write_text(folder / "reports" / "selection" / "data_health_selected.md", "\n".join(lines) + "\n")
    print(f"{sleeve.name}: {len(symbols)} symbols, {len(prices)} days, {counts}")


if __name__ == "__main__":
    stage(main)
