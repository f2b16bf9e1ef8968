"""<sleeve>.optimize: the walk-forward tournament of engines and profiles, its audit ledger, and today's portfolio."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import portfolio, selection, windows
from lib.engines import ENGINES, Array, limit, solve
from lib.env import RISK_PROFILES, Run, argument
from lib.files import read_frame, read_json, write_json
from lib.ledger import Ledger
from lib.market import BENCHMARK
from lib.simulators import BORROW_COST, SIMULATORS, TRADE_COST
from lib.sleeves import NAMES, SLEEVES, Sleeve
from lib.walkforward import Holding, Tournament

Decisions = dict[tuple[str, str], list[tuple[Array, str | None]]]  # engine, profile → what `decide` says, a window each

PRIMARY_ENGINE = "skfolio"  # fixed beforehand: picking the best one afterwards would be hindsight
BASELINES = ("market", "benchmark", "raw_pool_ew")  # under engine `market`
TOP_ASSETS = 5
TOP_FIELDS = ("Symbol", "Weight", "Net_Weight", "Direction", "Cluster_ID")


@dataclass(frozen=True)
class Inputs:
    """What the earlier stages left for this sleeve."""

    raw: pd.DataFrame  # daily returns of the universe and, last, of the index
    streams: pd.DataFrame  # daily returns of the atoms
    atoms: dict[str, dict[str, Any]]
    held: dict[str, list[dict[str, Any]]]  # window → atoms with their clusters
    calendar: list[dict[str, Any]]  # the windows, with dates and regimes

    @staticmethod
    def read(folder: Path) -> Inputs:
        synthesis = read_json(folder / "atoms.json")
        return Inputs(
            raw=read_frame(folder / "returns_matrix.csv"),
            streams=read_frame(folder / "synthetic_returns.csv"),
            atoms=synthesis["atoms"],
            held=synthesis["windows"],
            calendar=read_json(folder / "windows.json"),
        )

    @property
    def market(self) -> Array:
        return self.raw[BENCHMARK].to_numpy()

    def members(self, window: windows.Window) -> list[dict[str, Any]]:
        return self.held[str(window.index)]

    def returns(self, window: windows.Window) -> Array:
        return self.streams[[member["atom"] for member in self.members(window)]].to_numpy()

    def assets(self, weights: Array, window: windows.Window) -> list[dict[str, Any]]:
        """The weights as portfolio rows, heaviest first."""
        rows = []
        for weight, member in zip(weights.tolist(), self.members(window), strict=True):
            atom = self.atoms[member["atom"]]
            rows.append(portfolio.asset(atom["symbol"], atom["direction"], weight, member["cluster"]))
        return portfolio.by_weight(rows)


def decide(
    sleeve: Sleeve, inputs: Inputs, window: windows.Window, engine: str, profile: str
) -> tuple[Array, str | None]:
    """Weights for one window, and why they are not the profile's own, if so. Equal weight stays equal."""
    weights, note = solve(engine, profile, inputs.returns(window)[window.train], 0.0, sleeve.asset_cap)
    if profile != "equal_weight":
        clusters = [member["cluster"] for member in inputs.members(window)]
        weights = limit(weights, clusters, sleeve.asset_cap, sleeve.cluster_cap)
    return weights, note


def decide_all(sleeve: Sleeve, inputs: Inputs, grid: list[windows.Window]) -> Decisions:
    """All windows of a contender first, so that each has a span: no contender's weights depend on another's."""
    decisions: Decisions = {}
    for engine in ENGINES:
        for profile in RISK_PROFILES:
            with span(f"solve {engine} {profile}", windows=len(grid)) as step:
                found = [decide(sleeve, inputs, window, engine, profile) for window in grid]
                step.set_attribute("fallbacks", sum(note is not None for _, note in found))
                decisions[engine, profile] = found
    return decisions


def baselines(inputs: Inputs, window: windows.Window, chosen: Holding) -> tuple[Holding, Holding, Holding]:
    """What the engines must beat: the index, the policy's choice in equal parts, the universe in equal parts."""
    pool = inputs.raw.drop(columns=BENCHMARK)
    count, everything = len(chosen.names), pool.shape[1]
    return (
        Holding([BENCHMARK], np.ones(1), inputs.market[window.test][:, None], np.zeros(1)),
        Holding(chosen.names, np.full(count, 1.0 / count), chosen.test, chosen.short),
        Holding(
            list(pool.columns),
            np.full(everything, 1.0 / everything),
            pool.to_numpy()[window.test],
            np.zeros(everything),
        ),
    )


def walk_forward(inputs: Inputs, grid: list[windows.Window], decisions: Decisions, ledger: Ledger) -> Tournament:
    """Every engine, profile and simulator through every window that has test days."""
    tournament = Tournament()
    for number, window in enumerate(grid):
        about = inputs.calendar[window.index]
        start, end = windows.instant(about["start_date"]), windows.instant(about["end_date"])
        facts: dict[str, Any] = {key: about[key] for key in ("window", "start_date", "end_date")}
        facts["regime"] = about["regime"]["name"]
        names = [member["atom"] for member in inputs.members(window)]
        short = np.array([float(inputs.atoms[name]["direction"] == "SHORT") for name in names])
        test = inputs.returns(window)[window.test]

        holding = Holding(names, np.zeros(len(names)), test, short)
        for (engine, profile), found in decisions.items():
            weights, note = found[number]
            context = {"window_index": window.index, "engine": engine, "profile": profile}
            if note is not None:
                outcome = {"error": note, "fallback": "min_variance"}
                ledger.action("backtest_optimize", "error", start, context, outcome)
            rows = inputs.assets(weights, window)
            top = [{key: row[key] for key in TOP_FIELDS} for row in rows[:TOP_ASSETS]]
            holding = Holding(names, weights, test, short)
            kept = facts | {"n_assets": len(rows), "top_assets": top}
            for simulator, result in tournament.play(engine, profile, holding, kept).items():
                contender = context | {"simulator": simulator}
                ledger.action("backtest_simulate", "intent", start, contender)
                ledger.action("backtest_simulate", "success", end, contender, {"metrics": result})
        for baseline, other in zip(BASELINES, baselines(inputs, window, holding), strict=True):
            tournament.play("market", baseline, other, facts | {"n_assets": len(other.names), "top_assets": []})
    return tournament


def today(sleeve: Sleeve, inputs: Inputs, live: windows.Window, time: str, ledger: Ledger) -> dict[str, Any]:
    """The portfolio decided on the last day, a profile each. Nothing has tested it yet."""
    profiles = {}
    for profile in RISK_PROFILES:
        weights, note = decide(sleeve, inputs, live, PRIMARY_ENGINE, profile)
        rows = inputs.assets(weights, live)
        profiles[profile] = {
            "assets": rows,
            "clusters": portfolio.clusters(rows),
            "meta": {"skipped": False, "reason": "" if note is None else f"{note}; minimum variance stands in"},
        }
        context = {"window_index": live.index, "engine": PRIMARY_ENGINE, "profile": profile}
        if note is None:
            ledger.action("portfolio_optimize", "success", time, context, {"n_assets": len(rows)})
        else:
            ledger.action("portfolio_optimize", "error", time, context, {"error": note, "fallback": "min_variance"})
    return profiles


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    run = Run.current()
    folder = run.sleeve(sleeve.name)
    with span("read inputs") as step:
        inputs = Inputs.read(folder)
        live_clusters = read_json(folder / "portfolio_clusters.json")
        step.set_attribute("days", len(inputs.raw))
        step.set_attribute("atoms", len(inputs.atoms))

    *grid, live = windows.grid(len(inputs.raw))
    tested = slice(grid[0].decision + 1, grid[-1].test_end)
    first, last = (windows.instant(windows.day(inputs.raw.index[row])) for row in (0, -1))
    settings = {
        "train_days": windows.TRAIN,
        "test_days": windows.TEST,
        "engines": ENGINES,
        "profiles": RISK_PROFILES,
        "simulators": SIMULATORS,
        "asset_cap": sleeve.asset_cap,
        "cluster_cap": sleeve.cluster_cap,
        "trade_cost": TRADE_COST,
        "borrow_cost": BORROW_COST,
    }
    ledger = Ledger(run.id, sleeve.name, first, settings)
    decisions = decide_all(sleeve, inputs, grid)
    with span("simulate", windows=len(grid), simulators=len(SIMULATORS)) as step:
        tournament = walk_forward(inputs, grid, decisions, ledger)
        standings = tournament.nested(inputs.market[tested])
        step.set_attribute("ledger_lines", len(ledger))
    with span("decide today", engine=PRIMARY_ENGINE, profiles=len(RISK_PROFILES)):
        profiles = today(sleeve, inputs, live, last, ledger)

    own = standings["costs"][PRIMARY_ENGINE]
    shown = ("annualized_return", "annualized_vol", "sharpe", "max_drawdown")
    optimized = {
        "profiles": profiles,
        "cluster_registry": portfolio.registry(live_clusters),
        "optimization": {
            "regime": inputs.calendar[live.index]["regime"],
            "metrics": {f"{name}_{profile}": own[profile]["summary"][name] for profile in own for name in shown},
        },
        "metadata": {
            "generated_at": last,
            "cluster_cap": sleeve.cluster_cap,
            "asset_cap": sleeve.asset_cap,
            "engine": PRIMARY_ENGINE,
            "sleeve": sleeve.name,
            "title": sleeve.title,
            "train_start": inputs.calendar[live.index]["train_start"],
            "benchmark": BENCHMARK,
        },
    }
    meta = {
        "train_window": windows.TRAIN,
        "test_window": windows.TEST,
        "step_size": windows.STEP,
        "engines": [*ENGINES, "market"],
        "simulators": SIMULATORS,
        "profiles": [*RISK_PROFILES, *BASELINES],
        "sleeve": sleeve.name,
        "generated_at": last,
    }
    with span("write results", ledger_lines=len(ledger)):
        tournament.write_series(folder, inputs.raw.index[tested])
        write_json(folder / "tournament_results.json", {"meta": meta, "results": standings}, compact=True)
        write_json(folder / "portfolio_optimized_v2.json", optimized)
        write_json(folder / "selection_audit.json", selection.audit(sleeve, folder, optimized, live_clusters))
        ledger.save(folder / "audit.jsonl")
    print(
        f"{sleeve.name}: {len(grid)} windows, {len(ledger)} ledger lines; {PRIMARY_ENGINE} hrp after costs: "
        f"{own['hrp']['summary']['annualized_return']:.1%} a year, sharpe {own['hrp']['summary']['sharpe']:.2f}"
    )


if __name__ == "__main__":
    stage(main)
