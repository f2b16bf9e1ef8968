"""Puts an equal part of the money into each asset, every day."""

import csv
import json
import os
import pathlib

data = pathlib.Path(os.environ["FORENSIC_DATA_DIR"])
assets = sorted((data / "prices").glob("*.csv"))
days: dict[str, list[str]] = {}
for asset in assets:
    with asset.open(newline="") as file:
        for row in csv.DictReader(file):
            days.setdefault(row["date"], []).append(row["returns"])

returns = data / "returns"
returns.mkdir(exist_ok=True)
with (returns / "portfolio.csv").open("w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["date", "returns"])
    rows.writerows([day, f"{sum(map(float, values)) / len(assets):.6f}"] for day, values in sorted(days.items()))

# All assets beside each other: the report compares the portfolio with one of them.
with (data / "returns_matrix.csv").open("w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["date", *(asset.stem for asset in assets)])
    rows.writerows([day, *values] for day, values in sorted(days.items()))

# The list that the report looks the series up in.
entry = {"name": "portfolio", "simulator": "none", "engine": "equal", "profile": "weights", "file": "returns/portfolio.csv"}
(returns / "index.json").write_text(json.dumps([entry], indent=2) + "\n")
print(f"{len(assets)} assets, {len(days)} days")
