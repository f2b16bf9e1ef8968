"""risk.flatten_meta.<profile>: the portfolio of sleeves as one portfolio of symbols."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from typing import Any

from lib.env import META_PROFILE, RISK_PROFILES, Run, argument, fail
from lib.files import read_json, write_json


def main() -> None:
    profile = argument(RISK_PROFILES, "risk profile")
    run = Run.current()
    meta = read_json(run.data / f"meta_optimized_{META_PROFILE}_{profile}.json")

    rows: dict[str, dict[str, Any]] = {}
    with span("merge sleeves", sleeves=len(meta["weights"])) as step:
        for sleeve in meta["weights"]:
            flat = read_json(run.sleeve(sleeve["Symbol"]) / "portfolio_flattened.json")["profiles"][profile]
            for asset in flat["weights"]:
                names = ("Symbol", "Description", "Sector", "Market")
                row = rows.setdefault(
                    asset["Symbol"],
                    {key: asset[key] for key in names} | {"Weight": 0.0, "Net_Weight": 0.0, "Contributors": []},
                )
                row["Weight"] += sleeve["Weight"] * asset["Weight"]
                row["Net_Weight"] += sleeve["Weight"] * asset["Net_Weight"]
                row["Contributors"].append(sleeve["Symbol"])
        for row in rows.values():
            row["Direction"] = "LONG" if row["Net_Weight"] >= 0 else "SHORT"
            row["Type"] = "CORE" if row["Direction"] == "LONG" else "HEDGE"
        step.set_attribute("rows", len(rows))
    gross = sum(row["Weight"] for row in rows.values())
    if abs(gross - 1.0) > 1e-4:
        fail(f"{profile}: the weights sum to {gross:.6f}, not 1")

    weights = sorted(rows.values(), key=lambda row: (-row["Weight"], row["Symbol"]))
    metadata = meta["metadata"] | {"source": "risk.flatten_meta"}
    path = run.data / f"portfolio_optimized_meta_{META_PROFILE}_{profile}.json"
    with span("write portfolio", rows=len(weights)):
        write_json(path, {"metadata": metadata, "weights": weights})
    net = sum(row["Net_Weight"] for row in weights)
    print(f"{profile}: {len(weights)} symbols, net exposure {net:.1%}, heaviest {weights[0]['Symbol']}")


if __name__ == "__main__":
    stage(main)
