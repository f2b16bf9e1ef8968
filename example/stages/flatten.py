"""<sleeve>.flatten: check the audit chain, then hand the meta level a row a symbol and a return series a profile."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from typing import Any

import pandas as pd

from lib import ledger
from lib.env import RISK_PROFILES, Run, argument, fail
from lib.files import read_frame, read_json, write_csv, write_json
from lib.sleeves import NAMES, SLEEVES

SIMULATOR = "costs"  # the meta level builds on what is left after trading costs


def net(assets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a symbol: the same symbol long and short would be netted here."""
    rows: dict[str, dict[str, Any]] = {}
    for asset in assets:
        row = rows.setdefault(asset["Symbol"], {**asset, "Weight": 0.0, "Net_Weight": 0.0})
        row["Weight"] += asset["Weight"]
        row["Net_Weight"] += asset["Net_Weight"]
        row["Direction"] = "LONG" if row["Net_Weight"] >= 0 else "SHORT"
    return sorted(rows.values(), key=lambda row: (-row["Weight"], row["Symbol"]))


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    with span("verify the audit chain") as step:
        lines = ledger.verify(folder / "audit.jsonl")
        step.set_attribute("lines", lines)
    optimized = read_json(folder / "portfolio_optimized_v2.json")
    engine = optimized["metadata"]["engine"]

    profiles, series = {}, {}
    with span("flatten profiles", profiles=len(RISK_PROFILES)):
        for profile in RISK_PROFILES:
            rows = net(optimized["profiles"][profile]["assets"])
            gross = sum(row["Weight"] for row in rows)
            if abs(gross - 1.0) > 1e-4:
                fail(f"{profile}: the weights sum to {gross:.6f}, not 1")
            profiles[profile] = {"weights": rows}
            series[profile] = read_frame(folder / "returns" / f"{SIMULATOR}_{engine}_{profile}.csv")["returns"]

    metadata = {
        "sleeve": sleeve.name,
        "engine": engine,
        "simulator": SIMULATOR,
        "generated_at": optimized["metadata"]["generated_at"],
        "audit_lines_verified": lines,
    }
    with span("write portfolio"):
        write_json(folder / "portfolio_flattened.json", {"metadata": metadata, "profiles": profiles})
        write_csv(folder / "sleeve_returns.csv", pd.DataFrame(series))
    print(f"{sleeve.name}: audit chain of {lines} lines holds; {len(series['hrp'])} days of returns")


if __name__ == "__main__":
    stage(main)
