"""The selection audit: what came in, who was refused and why, who was held, what the optimiser made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .files import read_json
from .sleeves import Sleeve


def audit(sleeve: Sleeve, folder: Path, optimized: dict[str, Any], clusters: dict[str, list[str]]) -> dict[str, Any]:
    """The content of selection_audit.json."""
    pool = read_json(folder / "raw_pool.json")
    decisions = read_json(folder / "winners.json")
    candidates = read_json(folder / "portfolio_candidates.json")
    live = decisions["windows"][-1]

    categories: dict[str, dict[str, int]] = {}
    for row in candidates:
        counts = categories.setdefault(row["sector"], {"long": 0, "short": 0, "total": 0})
        counts[row["direction"].lower()] += 1
        counts["total"] += 1

    def selection(mode: str, choice: dict[str, Any]) -> dict[str, Any]:
        selected = [row["symbol"] for row in choice["winners"]]
        return {
            "selection_mode": mode,
            "total_raw_symbols": len(candidates),
            "total_selected": len(selected),
            "lookbacks_used": sleeve.lookbacks,
            "clusters": {
                label: {"size": len(members), "selected": [name for name in selected if name in members]}
                for label, members in clusters.items()
            },
            "vetoes": choice["vetoes"],
            "metrics": {"alpha_scores": {row["symbol"]: row["score"] for row in choice["winners"]}},
        }

    regime = optimized["optimization"]["regime"]
    identities = {row["description"] for row in candidates}
    return {
        "timestamp": optimized["metadata"]["generated_at"],
        "discovery": {
            "total_scanned_files": len(pool["datasets"]),
            "total_symbols_found": len(pool["symbols"]),
            "categories": dict(sorted(categories.items())),
        },
        "merging": {
            "total_unique_identities": len(identities),
            "redundant_symbols_merged": len(candidates) - len(identities),
        },
        "final_selection": {"mode": live["mode"]},
        "selection": selection(live["mode"], live),
        "selection_history": {mode: selection(mode, choice) for mode, choice in decisions["live"].items()},
        "optimization": {
            "regime": {"name": regime["name"], "score": regime["score"]},
            "constraints": {"cluster_cap": sleeve.cluster_cap},
            "profiles": {
                profile: {"assets": len(entry["assets"]), "top_cluster": entry["clusters"][0]["Cluster_Label"]}
                for profile, entry in optimized["profiles"].items()
            },
        },
    }
