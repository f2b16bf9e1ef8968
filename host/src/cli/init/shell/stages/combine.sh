#!/bin/sh
# Puts an equal part of the money into each asset, every day.
set -eu

cd "$FORENSIC_DATA_DIR"
mkdir -p returns
{
  echo date,returns
  awk -F , 'FNR == 1 { assets++; next } { sum[$1] += $2 } END { for (day in sum) printf "%s,%.6f\n", day, sum[day] / assets }' \
    prices/*.csv | sort
} > returns/portfolio.csv

# All assets beside each other: the report compares the portfolio with one of them.
{
  echo "date,$(cd prices && ls | sed 's/\.csv$//' | paste -s -d , -)"
  awk -F , 'FNR > 1 { row[$1] = row[$1] "," $2 } END { for (day in row) print day row[day] }' prices/*.csv | sort
} > returns_matrix.csv

# The list that the report looks the series up in.
cat > returns/index.json << 'END'
[
  {
    "name": "portfolio",
    "simulator": "none",
    "engine": "equal",
    "profile": "weights",
    "file": "returns/portfolio.csv"
  }
]
END
echo "$(wc -l < returns/portfolio.csv) lines"
