"""The rows that portfolio files are made of: assets and clusters, in the reports' vocabulary."""

from __future__ import annotations

from typing import Any

from .market import INSTRUMENTS

DUST = 1e-6  # weights below it are solver noise


def asset(symbol: str, direction: str, weight: float, cluster: str) -> dict[str, Any]:
    """`Weight` is what is put up (never negative), `Net_Weight` is the position's sign and size."""
    item = INSTRUMENTS[symbol]
    return {
        "Symbol": symbol,
        "Weight": weight,
        "Net_Weight": weight if direction == "LONG" else -weight,
        "Direction": direction,
        "Cluster_ID": cluster,
        "Type": "CORE" if direction == "LONG" else "HEDGE",
        "Sector": item.sector,
        "Market": item.market,
        "Description": item.description,
    }


def by_weight(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = [row for row in rows if row["Weight"] > DUST]
    return sorted(kept, key=lambda row: (-row["Weight"], row["Symbol"]))


def clusters(assets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same portfolio by cluster; `assets` come heaviest first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in assets:
        groups.setdefault(row["Cluster_ID"], []).append(row)
    rows = [
        {
            "Cluster_Label": f"Cluster {label}",
            "Cluster_ID": label,
            "Gross_Weight": sum(row["Weight"] for row in members),
            "Net_Weight": sum(row["Net_Weight"] for row in members),
            "Lead_Asset": members[0]["Symbol"],
            "Asset_Count": len(members),
            "Type": members[0]["Type"] if len({row["Type"] for row in members}) == 1 else "MIXED",
            "Sectors": sorted({row["Sector"] for row in members}),
        }
        for label, members in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row["Gross_Weight"], int(row["Cluster_ID"])))


def registry(live_clusters: dict[str, list[str]]) -> dict[str, Any]:
    """Cluster number → its symbols and most frequent sector."""
    result = {}
    for label, members in live_clusters.items():
        sectors = [INSTRUMENTS[symbol].sector for symbol in members]
        primary = max(sorted(set(sectors)), key=sectors.count)
        result[label] = {"symbols": members, "primary_sector": primary}
    return result
