"""What a stage costs on Ray, beside the local executor, on the same machine in the same run.

    target/venv/ray/bin/python tests/bench/ray.py target/release/forensic-host [ROUNDS]

A cluster of two nodes on this machine (tests/ray/cluster.py: root, its own network namespace). Each round runs every case here and on
Ray, one after the other; medians over the rounds (default 5) are printed as a Markdown table. `first` is a run with one stage:
starting, connecting, checking the nodes, and stopping again. A stage's cost is the time of all stages by their number; a median
attempt, from submission to its end, leaves out those that wait for a worker process of Ray's to start.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ray"))
from cluster import Cluster  # noqa: E402

CASES = {
    "first: a run with 1 stage": (1, 1, False),
    "20 stages, each needs the one before": (20, 1, True),
    "100 stages, 2 at a time": (100, 2, False),
    "100 stages, 16 at a time": (100, 16, False),
}


def pipeline(cluster: Cluster, count: int, parallel: int, chain: bool) -> str:
    """Stages that do nothing."""
    head = f'[pipeline]\nname = "bench"\nmax_parallel = {parallel}\n[executor]\naddress = "{cluster.address}"\npython = "{sys.executable}"\n'
    needs = [f'needs = ["s{number - 1}"]\n' if chain and number else "" for number in range(count)]
    return head + "".join(f'[stages.s{number}]\ncommand = ["true"]\n{need}' for number, need in enumerate(needs))


def attempts(run: Path) -> list[dict]:
    """Spans of attempts."""
    spans = json.loads((run / "data/forensic_trace.json").read_text())
    return [span for span in spans if span["attributes"].get("forensic.kind") == "attempt"]


def measure(cluster: Cluster, binary: str, folder: Path, executor: str, name: str) -> dict[str, float]:
    """One run: milliseconds of the whole call, from the first submission to the last end, and of a median attempt."""
    command = [*cluster.enter, binary, "run", "--quiet", "--run-id", name, "--executor", executor]
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, env={**os.environ, **cluster.env}, capture_output=True, text=True)
    call = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"{executor}: exit code {done.returncode}\n{done.stderr}")
    spans = attempts(folder / "data/artifacts/summaries/runs" / name)
    whole = max(span["end_time"] for span in spans) - min(span["start_time"] for span in spans)
    return {"call": call * 1e3, "stages": whole / 1e6, "attempt": statistics.median(span["duration_ms"] for span in spans)}


def main() -> None:
    """All rounds, then the table."""
    binary, rounds = str(Path(sys.argv[1]).resolve()), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="fb", dir="/tmp") as place, Cluster(f"{place}/r", nodes=2, cpus=8) as cluster:
        for number in range(rounds):
            for at, (case, what) in enumerate(CASES.items()):
                for executor in ("local", "ray"):
                    folder = Path(place) / f"{at}-{number}-{executor}"
                    folder.mkdir()
                    (folder / "pipeline.toml").write_text(pipeline(cluster, *what))
                    results.setdefault((case, executor), []).append(measure(cluster, binary, folder, executor, folder.name))
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(f"{os.cpu_count()} processors, medians of {rounds} rounds; ms\n")
    print("| case | the whole call, here | on Ray | stages alone, here | on Ray | a stage, here | on Ray | a median attempt, here | on Ray |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case, (count, _, _) in CASES.items():
        middle = {
            (executor, key): statistics.median(result[key] for result in results[case, executor])
            for executor in ("local", "ray")
            for key in ("call", "stages", "attempt")
        }
        cells = [f"{middle[executor, key]:.0f}" for key in ("call", "stages") for executor in ("local", "ray")]
        each = [middle[executor, "stages"] / count for executor in ("local", "ray")]
        each += [middle[executor, "attempt"] for executor in ("local", "ray")]
        cells += [f"{value:.1f}" for value in each]
        print(f"| {case} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
