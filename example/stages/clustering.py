"""<sleeve>.clustering: correlation clusters at each decision, from the training days of that window."""

from __future__ import annotations

from lib.telemetry import span, stage  # first, so that it can time the other imports

# isort: split
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from lib import windows
from lib.env import Run, argument
from lib.files import read_frame, write_json
from lib.market import BENCHMARK
from lib.sleeves import NAMES, SLEEVES


def main() -> None:
    sleeve = SLEEVES[argument(NAMES, "sleeve")]
    folder = Run.current().sleeve(sleeve.name)
    with span("read returns") as step:
        returns = read_frame(folder / "returns_matrix.csv").drop(columns=BENCHMARK)
        step.set_attribute("days", len(returns))
        step.set_attribute("assets", returns.shape[1])
    symbols = list(returns.columns)
    values = returns.to_numpy()
    grid = windows.grid(len(returns))

    found: dict[str, dict[str, list[str]]] = {}
    with span("cluster windows", method="ward", windows=len(grid), assets=len(symbols)):
        for window in grid:
            correlation = np.corrcoef(values[window.train], rowvar=False)
            distance = np.sqrt(np.clip((1.0 - correlation) / 2.0, 0.0, 1.0))
            np.fill_diagonal(distance, 0.0)
            tree = linkage(squareform(distance, checks=False), method="ward")
            labels = fcluster(tree, t=sleeve.clusters, criterion="maxclust")
            groups: dict[int, list[str]] = {}
            for symbol, label in zip(symbols, labels, strict=True):
                groups.setdefault(int(label), []).append(symbol)
            # Numbered by size, then by first symbol: the linkage's own numbers carry no meaning.
            ordered = sorted(groups.values(), key=lambda members: (-len(members), members[0]))
            found[str(window.index)] = {str(number): members for number, members in enumerate(ordered, start=1)}

    live = found[str(len(found) - 1)]
    with span("write clusters"):
        write_json(folder / "clusters.json", found, compact=True)
        write_json(folder / "portfolio_clusters.json", live)
    print(f"{sleeve.name}: {len(live)} clusters today, sizes {[len(members) for members in live.values()]}")


if __name__ == "__main__":
    stage(main)
