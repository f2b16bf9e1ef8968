"""meta.tournament: the walk-forward again, with sleeves as the assets. Runs beside risk.optimize_meta."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
import json

import numpy as np
import pandas as pd

from lib import windows
from lib.engines import ENGINES, Array, solve
from lib.env import META_PROFILE, RISK_PROFILES, Run
from lib.files import read_frame, strict, write_csv, write_json
from lib.market import BENCHMARK
from lib.simulators import SIMULATORS
from lib.sleeves import NAMES, SLEEVE_CAP, SLEEVE_FLOOR
from lib.walkforward import Holding, Tournament


def main() -> None:
    run = Run.current()
    with span("read returns", profiles=len(RISK_PROFILES)):
        tables = {p: read_frame(run.data / f"meta_returns_{META_PROFILE}_{p}.csv") for p in RISK_PROFILES}
        index = read_frame(run.sleeve(NAMES[0]) / "returns_matrix.csv")[BENCHMARK]
    names = list(NAMES)
    tournament = Tournament()
    rows = []
    dates = tables["hrp"].index
    grid = windows.grid(len(dates), warm_up=0)[:-1]
    values = {profile: table[names].to_numpy() for profile, table in tables.items()}
    # All windows of a contender first, so that each has a span: no contender's weights depend on another's.
    weights: dict[tuple[str, str], list[Array]] = {}
    for engine in ENGINES:
        for profile in RISK_PROFILES:
            with span(f"solve {engine} {profile}", windows=len(grid), assets=len(names)) as step:
                solved = [
                    solve(engine, profile, values[profile][window.train], SLEEVE_FLOOR, SLEEVE_CAP) for window in grid
                ]
                weights[engine, profile] = [found for found, _ in solved]
                step.set_attribute("fallbacks", sum(note is not None for _, note in solved))
    with span("simulate", windows=len(grid), contenders=len(weights)):
        for number, window in enumerate(grid):
            for (engine, profile), found in weights.items():
                held = Holding(names, found[number], values[profile][window.test], np.zeros(len(names)))
                results = tournament.play(engine, profile, held, {"window": window.index})
                for simulator, metrics in results.items():
                    text = json.dumps(strict(metrics), allow_nan=False)
                    rows.append((window.index, engine, profile, simulator, text))
    meta = {
        "train_window": windows.TRAIN,
        "test_window": windows.TEST,
        "step_size": windows.STEP,
        "engines": ENGINES,
        "simulators": SIMULATORS,
        "profiles": RISK_PROFILES,
        "generated_at": windows.instant(windows.day(dates[-1])),
    }
    columns = ["window", "engine", "profile", "simulator", "metrics"]
    with span("write results", rows=len(rows)):
        write_csv(run.data / "tournament_results.csv", pd.DataFrame(rows, columns=columns), index=False)
        write_json(run.data / "tournament_meta.json", meta)
        write_csv(run.data / "returns_matrix.csv", tables["hrp"].join(index))
        tournament.write_series(run.data, dates[grid[0].decision + 1 : grid[-1].test_end])
    print(f"{len(rows)} results over {rows[-1][0] + 1} windows")


if __name__ == "__main__":
    stage(main)
