"""<sleeve>.policy: who is held at each decision. Best scores first, with vetoes and a limit per cluster."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lib.env import Run, argument, fail
from lib.files import read_json, read_table, write_json
from lib.sleeves import NAMES, SLEEVES, Sleeve

FEWEST = 4  # with fewer winners than this, the next looser mode decides
MODES = ("strict", "no_cluster_limit", "no_limits")  # in a crash every symbol may be too volatile: the veto goes last


@dataclass
class Choice:
    winners: list[dict[str, Any]] = field(default_factory=list)
    vetoes: dict[str, list[str]] = field(default_factory=dict)


def choose(sleeve: Sleeve, scores: pd.DataFrame, clusters: dict[str, str], mode: str) -> Choice:
    """One decision, in one of the modes."""
    choice = Choice()
    limit = sleeve.max_per_cluster if mode == "strict" else len(clusters)
    ceiling = sleeve.veto_volatility if mode != "no_limits" else float("inf")
    for direction, wanted in (("LONG", sleeve.top), ("SHORT", sleeve.bottom)):
        side = scores[scores["direction"] == direction].sort_values("rank", ascending=direction == "LONG")
        taken: dict[str, int] = {}
        count = 0
        for row in side.to_dict("records"):
            if count == wanted:
                break
            symbol, volatility = row["symbol"], row["volatility_63"]
            cluster = clusters[symbol]
            reasons = []
            if volatility > ceiling:
                reasons.append(f"volatility {volatility:.0%} above {ceiling:.0%}")
            if taken.get(cluster, 0) >= limit:
                reasons.append(f"cluster {cluster} already has {limit} {direction} winners")
            if reasons:
                choice.vetoes[symbol] = reasons
                continue
            taken[cluster] = taken.get(cluster, 0) + 1
            count += 1
            winner = {"symbol": symbol, "direction": direction, "cluster": cluster, "score": row["score"]}
            choice.winners.append(winner)
    return choice


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    with span("read scores") as step:
        scores = read_table(folder / "scores.csv")
        volatility = read_table(folder / "features.csv")[["window", "symbol", "volatility_63"]]
        scores = scores.merge(volatility, on=["window", "symbol"])
        clusters = read_json(folder / "clusters.json")
        step.set_attribute("rows", len(scores))

    decisions: list[dict[str, Any]] = []
    modes: dict[str, Choice] = {}
    with span("decide windows", windows=len(clusters), modes=len(MODES)):
        for number, group in scores.groupby("window"):
            labels = {symbol: label for label, members in clusters[str(number)].items() for symbol in members}
            modes = {mode: choose(sleeve, group, labels, mode) for mode in MODES}
            mode = next((mode for mode in MODES if len(modes[mode].winners) >= FEWEST), MODES[-1])
            if len(modes[mode].winners) < 2:
                fail(f"window {number}: only {len(modes[mode].winners)} symbols have a score")
            decisions.append(
                {"window": number, "mode": mode, "winners": modes[mode].winners, "vetoes": modes[mode].vetoes}
            )

    # `modes` now holds the live decision: keep every way of making it, for the selection report.
    live = {name: {"winners": choice.winners, "vetoes": choice.vetoes} for name, choice in modes.items()}
    with span("write winners", decisions=len(decisions)):
        write_json(folder / "winners.json", {"windows": decisions, "live": live}, compact=True)
    relaxed = sum(decision["mode"] != MODES[0] for decision in decisions)
    print(f"{sleeve.name}: {len(decisions)} decisions, {relaxed} relaxed, {len(decisions[-1]['winners'])} held today")


if __name__ == "__main__":
    stage(main)
