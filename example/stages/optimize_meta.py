"""risk.optimize_meta.<profile>: how much of each sleeve to hold today, from the sleeves' last year after costs."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from typing import Any

from lib import windows
from lib.engines import solve
from lib.env import META_PROFILE, RISK_PROFILES, Run, argument
from lib.files import read_frame, write_json
from lib.sleeves import SLEEVE_CAP, SLEEVE_FLOOR

ENGINE = "skfolio"


def main() -> None:
    profile = argument(RISK_PROFILES, "risk profile")
    run = Run.current()
    with span("read returns") as step:
        table = read_frame(run.data / f"meta_returns_{META_PROFILE}_{profile}.csv")
        step.set_attribute("days", len(table))
    recent = table.iloc[-windows.TRAIN :]
    with span(f"solve {ENGINE} {profile}", assets=table.shape[1], days=len(recent)) as step:
        weights, note = solve(ENGINE, profile, recent.to_numpy(), SLEEVE_FLOOR, SLEEVE_CAP)
        step.set_attribute("fallback", note is not None)

    rows: list[dict[str, Any]] = [
        {"Symbol": name, "Weight": weight, "Net_Weight": weight, "Direction": "LONG", "Type": "SLEEVE"}
        for name, weight in zip(table.columns, weights.tolist(), strict=True)
    ]
    rows.sort(key=lambda row: (-row["Weight"], row["Symbol"]))
    result = {
        "metadata": {
            "source": "risk.optimize_meta",
            "meta_profile": META_PROFILE,
            "engine": ENGINE,
            "profile": profile,
            "n_sleeves": len(rows),
            "run_id": run.id,
            "generated_at": windows.instant(windows.day(table.index[-1])),
            "fallback": None if note is None else f"{note}; minimum variance stands in",
        },
        "weights": rows,
    }
    with span("write weights"):
        write_json(run.data / f"meta_optimized_{META_PROFILE}_{profile}.json", result)
        write_json(run.data / f"meta_cluster_tree_{META_PROFILE}_{profile}.json", result)
    print(f"{profile}: " + ", ".join(f"{row['Symbol']} {row['Weight']:.1%}" for row in rows))


if __name__ == "__main__":
    stage(main)
