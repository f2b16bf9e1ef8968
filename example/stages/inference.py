"""<sleeve>.inference: a score a symbol and decision, from the sleeve's feature alone, and the direction it implies."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
from lib.env import Run, argument
from lib.files import read_table, write_csv
from lib.sleeves import NAMES, SLEEVES


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    with span("read features") as step:
        table = read_table(folder / "features.csv").dropna(subset=[sleeve.feature])
        step.set_attribute("rows", len(table))

    with span("score symbols", feature=sleeve.feature, rows=len(table)):
        by_window = table.groupby("window")[sleeve.feature]
        spread = by_window.transform("std").clip(lower=1e-12)
        table["score"] = sleeve.sign * (table[sleeve.feature] - by_window.transform("mean")) / spread
        table["rank"] = table.groupby("window")["score"].rank(ascending=False, method="first").astype(int)
        # A long-only sleeve wants the best symbols whatever their sign; a long/short one splits at the average.
        table["direction"] = "LONG"
        if sleeve.bottom:
            table.loc[table["score"] < 0, "direction"] = "SHORT"

    columns = ["window", "symbol", "score", "rank", "direction"]
    with span("write scores", rows=len(table)):
        write_csv(folder / "scores.csv", table.sort_values(["window", "rank"])[columns], index=False)
    print(f"{sleeve.name}: {len(table)} scores from {sleeve.feature}")


if __name__ == "__main__":
    stage(main)
