"""<sleeve>.synthesis: return streams ("atoms") of what the policy holds. A short is a stream with the sign turned.

Also writes what the reports want to know of each symbol: candidates, names, tail statistics.
"""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
import pandas as pd

from lib import metrics, windows
from lib.env import Run, argument
from lib.files import read_frame, read_json, read_table, write_csv, write_json
from lib.market import BENCHMARK
from lib.sleeves import NAMES, SLEEVES


def invert(returns: pd.Series) -> pd.Series:
    """A short position's return: the loss is capped at everything that was put up."""
    return -returns.clip(upper=1.0)


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    with span("read inputs") as step:
        returns = read_frame(folder / "returns_matrix.csv").drop(columns=BENCHMARK)
        pool = read_json(folder / "raw_pool.json")["symbols"]
        decisions = read_json(folder / "winners.json")["windows"]
        features = read_table(folder / "features.csv")
        scores = read_table(folder / "scores.csv")
        step.set_attribute("days", len(returns))
        step.set_attribute("assets", returns.shape[1])

    atoms: dict[str, dict[str, object]] = {}
    held: dict[str, list[dict[str, object]]] = {}
    with span("collect atoms", decisions=len(decisions)) as step:
        for decision in decisions:
            members = held.setdefault(str(decision["window"]), [])
            for winner in decision["winners"]:
                symbol, direction = winner["symbol"], winner["direction"]
                atom = f"{symbol}_{sleeve.name}_{direction}"
                sign = 1 if direction == "LONG" else -1
                atoms[atom] = {"symbol": symbol, "direction": direction, "sign": sign}
                members.append({"atom": atom, "cluster": winner["cluster"]})
        step.set_attribute("atoms", len(atoms))

    with span("build streams", atoms=len(atoms)):
        streams = {}
        for atom, item in sorted(atoms.items()):
            raw = returns[item["symbol"]]
            streams[atom] = raw if item["direction"] == "LONG" else invert(raw)

    with span("describe candidates", symbols=len(pool)):
        live = features["window"].max()
        today = features[features["window"] == live].set_index("symbol")
        directions = scores[scores["window"] == live].set_index("symbol")["direction"]
        candidates = []
        for item in pool:
            symbol, alternative = item["symbol"], item["alternative"]
            others = [{"symbol": alternative, "market": alternative.split(":")[0]}] if alternative else []
            row = {key: item[key] for key in ("symbol", "description", "sector", "market", "asset_class", "close")}
            row |= {"direction": directions.get(symbol, "LONG"), "adx": today.at[symbol, "adx"]}
            row |= {"atr": today.at[symbol, "atr"], "implementation_alternatives": others}
            candidates.append(row)
    tails = []
    with span("measure tails", assets=returns.shape[1]):
        for symbol, series in returns.items():
            values = series.to_numpy()[-3 * windows.TRAIN :]  # the last three years
            scored = {"Fragility_Score": metrics.fragility(values), "Antifragility_Score": metrics.tail_balance(values)}
            tails.append({"Symbol": symbol, **scored})

    with span("write streams", streams=len(streams)):
        write_csv(folder / "synthetic_returns.csv", pd.DataFrame(streams))
        write_json(folder / "atoms.json", {"atoms": atoms, "windows": held}, compact=True)
        write_json(folder / "portfolio_candidates.json", candidates)
        write_json(folder / "antifragility_stats.json", tails)
        names = {item["symbol"]: {key: item[key] for key in ("description", "sector", "market")} for item in pool}
        write_json(folder / "portfolio_meta.json", names)
    shorts = sum(item["direction"] == "SHORT" for item in atoms.values())
    print(f"{sleeve.name}: {len(atoms)} atoms over all windows, {shorts} of them short")


if __name__ == "__main__":
    stage(main)
