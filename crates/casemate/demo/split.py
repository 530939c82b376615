#!/usr/bin/env python3
"""Splits scikit-learn's copy of the Wisconsin diagnostic breast-cancer set into the tables of the demo's two owners.

    python3 split.py [FOLDER]        writes FOLDER/measurements.csv and FOLDER/diagnoses.csv, by default beside this file

The values are copied as text, digit for digit. The set has no patient identifiers: the row number, from 1, serves as one.
Needs scikit-learn's files (`pip install --no-deps scikit-learn==1.9.1`); nothing of it is imported.
"""

import csv
import importlib.util
import pathlib
import sys

ROWS = 569
QUANTITIES = [
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
]
# The order of the source's columns: ten means, ten standard errors, ten "worst" values (mean of the three largest).
COLUMNS = (
    [f"mean_{quantity}" for quantity in QUANTITIES]
    + [f"{quantity}_error" for quantity in QUANTITIES]
    + [f"worst_{quantity}" for quantity in QUANTITIES]
)


def source() -> pathlib.Path:
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        sys.exit("scikit-learn is not installed: pip install --no-deps scikit-learn==1.9.1")
    return pathlib.Path(spec.origin).parent / "datasets" / "data" / "breast_cancer.csv"


def write(path: pathlib.Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="ascii") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    with source().open(newline="", encoding="ascii") as file:
        (rows, columns, *names), *records = csv.reader(file)
    if (int(rows), int(columns), len(records)) != (ROWS, len(COLUMNS), ROWS):
        sys.exit(f"expected {ROWS} rows of {len(COLUMNS)} measurements, found {rows} rows of {columns}")
    measurements, diagnoses = [], []
    for patient, (*values, diagnosis) in enumerate(records, start=1):
        if len(values) != len(COLUMNS):
            sys.exit(f"row {patient} has {len(values)} measurements, not {len(COLUMNS)}")
        measurements.append([str(patient), *values])
        diagnoses.append([str(patient), names[int(diagnosis)]])
    write(folder / "measurements.csv", ["patient_id", *COLUMNS], measurements)
    write(folder / "diagnoses.csv", ["patient_id", "diagnosis"], diagnoses)


if __name__ == "__main__":
    main()
