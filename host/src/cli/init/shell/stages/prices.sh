#!/bin/sh
# Makes up two years of daily returns of an asset: `prices.sh NAME`. The same name gives the same numbers.
set -eu

name=$1
mkdir -p "$FORENSIC_DATA_DIR/prices"
seed=$(printf %s "$name" | cksum | cut -d ' ' -f 1)

awk -v seed="$seed" 'BEGIN {
  split("31 28 31 30 31 30 31 31 30 31 30 31", days, " ")
  year = 2023; month = 1; day = 2; weekday = 1
  print "date,returns"
  while (count < 520) {
    sum = 0
    for (i = 0; i < 12; i++) { seed = (seed * 16807) % 2147483647; sum += seed / 2147483647 }
    if (weekday < 6) { printf "%04d-%02d-%02d,%.6f\n", year, month, day, 0.0004 + (sum - 6) * 0.01; count++ }
    weekday = weekday % 7 + 1
    leap = (month == 2 && year % 4 == 0)
    if (++day > days[month] + leap) { day = 1; if (++month > 12) { month = 1; year++ } }
  }
}' > "$FORENSIC_DATA_DIR/prices/$name.csv"

# What a stage prints is kept in the run's logs, and shown in the report if the stage fails.
echo "$name: $(wc -l < "$FORENSIC_DATA_DIR/prices/$name.csv") lines"
