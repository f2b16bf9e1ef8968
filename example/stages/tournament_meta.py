"""meta.tournament: the walk-forward again, with sleeves as the assets. Runs beside risk.optimize_meta."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from lib import windows
from lib.engines import ENGINES, solve
from lib.env import META_PROFILE, RISK_PROFILES, Run
from lib.files import read_frame, strict, write_csv
from lib.sleeves import NAMES, SLEEVE_CAP, SLEEVE_FLOOR
from lib.walkforward import Holding, Tournament


def main() -> None:
    run = Run.current()
    tables = {p: read_frame(run.data / f"meta_returns_{META_PROFILE}_{p}.csv") for p in RISK_PROFILES}
    names = list(NAMES)
    tournament = Tournament()
    rows = []
    for window in windows.grid(len(tables["hrp"]), warm_up=0)[:-1]:
        for engine in ENGINES:
            for profile, table in tables.items():
                values = table[names].to_numpy()
                weights, _ = solve(engine, profile, values[window.train], SLEEVE_FLOOR, SLEEVE_CAP)
                held = Holding(names, weights, values[window.test], np.zeros(len(names)))
                results = tournament.play(engine, profile, held, {"window": window.index})
                for simulator, metrics in results.items():
                    text = json.dumps(strict(metrics), allow_nan=False)
                    rows.append((window.index, engine, profile, simulator, text))
    columns = ["window", "engine", "profile", "simulator", "metrics"]
    write_csv(run.data / "tournament_results.csv", pd.DataFrame(rows, columns=columns), index=False)
    print(f"{len(rows)} results over {rows[-1][0] + 1} windows")


if __name__ == "__main__":
    main()
