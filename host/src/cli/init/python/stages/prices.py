"""Makes up two years of daily returns of an asset: `prices.py NAME`. The same name gives the same numbers."""

import csv
import datetime
import os
import random
import sys

name = sys.argv[1]
draw = random.Random(name)
folder = os.path.join(os.environ["FORENSIC_DATA_DIR"], "prices")
os.makedirs(folder, exist_ok=True)

day = datetime.date(2023, 1, 2)
with open(os.path.join(folder, f"{name}.csv"), "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["date", "returns"])
    count = 0
    while count < 520:
        if day.weekday() < 5:
            rows.writerow([day.isoformat(), f"{draw.gauss(0.0004, 0.01):.6f}"])
            count += 1
        day += datetime.timedelta(days=1)

# What a stage prints is kept in the run's logs, and shown in the report if the stage fails.
print(f"{name}: {count} days")
