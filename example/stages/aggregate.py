"""meta.aggregation: the sleeves' daily returns side by side, a table a profile, and where each sleeve came from."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
import pandas as pd

from lib import health, windows
from lib.env import META_PROFILE, RISK_PROFILES, Run, fail
from lib.files import read_frame, write_csv, write_json
from lib.sleeves import NAMES


def main() -> None:
    run = Run.current()
    paths = {name: run.relative(run.sleeve(name)) for name in NAMES}
    with span("read returns", sleeves=len(NAMES)):
        series = {name: read_frame(run.sleeve(name) / "sleeve_returns.csv") for name in NAMES}
    statuses = []
    for profile in RISK_PROFILES:
        with span(f"aggregate {profile}", sleeves=len(NAMES)) as step:
            table = pd.concat({name: frame[profile] for name, frame in series.items()}, axis=1, join="inner")
            gaps = int(table.isna().to_numpy().sum())
            if len(table) < windows.TRAIN or gaps:
                fail(f"{profile}: {len(table)} common days, {gaps} gaps; {windows.TRAIN} full days are needed")
            step.set_attribute("days", len(table))
            statuses += [health.status(0, health.longest_flat(table[name])) for name in NAMES]  # no gap got this far
            sleeves = [{"id": name, "profile": name, "run_id": run.id, "run_path": paths[name]} for name in NAMES]
            manifest = {"meta_profile": META_PROFILE, "risk_profile": profile, "sleeves": sleeves}
            write_csv(run.data / f"meta_returns_{META_PROFILE}_{profile}.csv", table)
            write_json(run.data / f"meta_manifest_{META_PROFILE}_{profile}.json", manifest)
    write_json(run.data / "data_health.json", health.counts(statuses))
    print(f"{len(NAMES)} sleeves, {len(table)} common days")


if __name__ == "__main__":
    stage(main)
