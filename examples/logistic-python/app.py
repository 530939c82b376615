"""Logistic regression over one table, as a component for a keep: what ../logistic/logistic.c does, in Python.

    logistic --label COLUMN [--every N] [--l2 STRENGTH]

Reads /in/patients.csv, writes /out/model.csv and /out/report.csv; their columns and the steps between are told in
logistic.c. Only Python's own library. Ends with an error and writes nothing where it can't do that; what it says then
holds nothing of the rows.
"""

import csv
import math
import re
import sys
from dataclasses import dataclass
from itertools import groupby, pairwise

from componentize_py_types import Err
from wit_world import exports

INPUT = "/in/patients.csv"
MODEL = "/out/model.csv"
REPORT = "/out/report.csv"

STEPS_MAX = 100
HALVINGS_MAX = 50
# The largest component of the gradient, for each training row, at which the minimum is found.
GRADIENT_MAX = 1e-12


class Refusal(Exception):
    """Why there is no result: a fixed text, never a cell."""


@dataclass
class Options:
    label: str = ""
    every: int = 3
    l2: float = 1.0


@dataclass
class Row:
    entity: str
    x: list[float]
    y: int


class Run(exports.Run):
    """wasi:cli/run: what the host calls."""

    def run(self) -> None:
        try:
            main(sys.argv[1:])
        except Refusal as refusal:
            print(f"logistic: {refusal}", file=sys.stderr)
            raise Err(None) from None
        except Exception as error:
            # A traceback could quote a cell.
            print(f"logistic: failed with {type(error).__name__}", file=sys.stderr)
            raise Err(None) from None


def main(arguments: list[str]) -> None:
    options = read_options(arguments)
    names, rows = read_table(options.label)
    rows = sorted_by_entity(rows)

    training, held_back = split(rows, options.every)
    scale = scale_of(training)
    training, held_back = standardised(training, scale), standardised(held_back, scale)

    model = train(training, options.l2)
    quality = assess(held_back, model)
    write_model(names, scale, model)
    write_csv(REPORT, ["rows", "trained", "held_back", "auc", "accuracy", "log_loss"],
              [[len(rows), len(training), len(held_back), *quality]])


def read_options(arguments: list[str]) -> Options:
    options = Options()
    for name, value in zip(arguments[::2], [*arguments[1::2], ""]):
        if name == "--label" and value:
            options.label = value
        elif name == "--every" and re.fullmatch("[0-9]{1,7}", value) and int(value) >= 2:
            options.every = int(value)
        elif name == "--l2" and (number := parse_number(value)) is not None and number > 0:
            options.l2 = number
        else:
            raise Refusal("usage: logistic --label COLUMN [--every N, at least 2] [--l2 STRENGTH, above 0]")
    if not options.label:
        raise Refusal("--label is missing: name the column to predict")
    return options


def parse_number(text: str) -> float | None:
    """The whole of `text` as a finite number. Python would also read `1_000`."""
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


# ---- the table ----


def read_table(label: str) -> tuple[list[str], list[Row]]:
    """The features' names, and the rows."""
    with open(INPUT, newline="", encoding="utf-8") as file:
        lines = csv.reader(file, strict=True)
        header = next(lines, None)
        if header is None:
            raise Refusal(f"{INPUT} is empty")
        if header[1:].count(label) != 1:
            raise Refusal("not one column after the first has the label's name")
        if len(header) < 3:
            raise Refusal("there is no feature")
        place = header.index(label, 1)
        return header[1:place] + header[place + 1 :], [read_row(line, place, len(header)) for line in lines]


def read_row(line: list[str], place: int, columns: int) -> Row:
    if len(line) != columns:
        raise Refusal("a row has more or fewer fields than the header")
    if not line[0]:
        raise Refusal("a row has no entity")
    numbers = [parse_number(cell) for cell in line[1:]]
    if None in numbers:
        raise Refusal("a cell is missing, or no number: leave such rows out in the view")
    y = numbers.pop(place - 1)
    if y not in (0, 1):
        raise Refusal("the label is neither 0 nor 1")
    return Row(line[0], numbers, int(y))


def sorted_by_entity(rows: list[Row]) -> list[Row]:
    """An entity with two rows could stand on both sides of the split, and its order would be chance: refused."""
    rows = sorted(rows, key=by_entity)
    if any(by_entity(one) == by_entity(other) for one, other in pairwise(rows)):
        raise Refusal("an entity has more than one row")
    return rows


def by_entity(row: Row) -> tuple[bool, int, str]:
    """Whole numbers by their size, before everything else by its text."""
    whole = re.fullmatch("[+-]?[0-9]+", row.entity) is not None
    return (not whole, int(row.entity) if whole else 0, "" if whole else row.entity)


def split(rows: list[Row], every: int) -> tuple[list[Row], list[Row]]:
    training = [row for i, row in enumerate(rows) if i % every != every - 1]
    held_back = rows[every - 1 :: every]
    if any(len({row.y for row in part}) != 2 for part in (training, held_back)):
        raise Refusal("both labels have to be among the training rows and among those held back")
    return training, held_back


# ---- standardising ----


def scale_of(rows: list[Row]) -> list[tuple[float, float]]:
    """Each feature's mean and deviation (of all rows, not of a sample); 1 for a feature that never changes."""
    scale = []
    for column in zip(*(row.x for row in rows)):
        mean = math.fsum(column) / len(column)
        variance = math.fsum((value - mean) ** 2 for value in column) / len(column)
        scale.append((mean, math.sqrt(variance) if variance > 0 else 1.0))
    return scale


def standardised(rows: list[Row], scale: list[tuple[float, float]]) -> list[Row]:
    """The rows in deviations from the mean; at their end the 1 that the intercept multiplies."""
    return [
        Row(row.entity, [(value - mean) / deviation for value, (mean, deviation) in zip(row.x, scale)] + [1.0], row.y)
        for row in rows
    ]


# ---- training: a model is a list of coefficients, the intercept last ----


def score(row: Row, model: list[float]) -> float:
    """The log-odds that the model gives to a row."""
    return sum(value * coefficient for value, coefficient in zip(row.x, model))


def log_loss(row: Row, model: list[float]) -> float:
    """-log of the probability that the model gives to the row's label, without overflow."""
    margin = score(row, model) if row.y else -score(row, model)
    return math.log1p(math.exp(-abs(margin))) + max(-margin, 0)


def probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds > 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def penalised_loss(rows: list[Row], model: list[float], l2: float) -> float:
    return l2 / 2 * sum(coefficient**2 for coefficient in model[:-1]) + sum(log_loss(row, model) for row in rows)


def differentiate(rows: list[Row], model: list[float], l2: float) -> tuple[list[float], list[list[float]]]:
    """The gradient, and the lower half of the matrix of second derivatives."""
    gradient = [l2 * coefficient for coefficient in model[:-1]] + [0.0]
    curvature = [[0.0] * (j + 1) for j in range(len(model))]
    for j in range(len(model) - 1):
        curvature[j][j] = l2
    for row in rows:
        p = probability(score(row, model))
        gradient = [g + (p - row.y) * value for g, value in zip(gradient, row.x)]
        for line, at_j in zip(curvature, row.x):
            weight = p * (1 - p) * at_j
            line[:] = [c + weight * value for c, value in zip(line, row.x)]
    return gradient, curvature


def newton_step(gradient: list[float], curvature: list[list[float]]) -> list[float]:
    """Solves curvature * step = gradient by Cholesky's factor: forwards, then backwards."""
    n = len(gradient)
    factor: list[list[float]] = []
    for j in range(n):
        factor.append([])
        for k in range(j + 1):
            rest = curvature[j][k] - sum(a * b for a, b in zip(factor[j], factor[k][:k]))
            if j == k and not rest > 0:
                raise Refusal("training does not converge: raise --l2")
            factor[j].append(math.sqrt(rest) if j == k else rest / factor[k][k])
    step = list(gradient)
    for j in range(n):
        step[j] = (step[j] - sum(factor[j][k] * step[k] for k in range(j))) / factor[j][j]
    for j in reversed(range(n)):
        step[j] = (step[j] - sum(factor[k][j] * step[k] for k in range(j + 1, n))) / factor[j][j]
    return step


def train(rows: list[Row], l2: float) -> list[float]:
    """Newton's method. Far from the minimum a whole step may overshoot: it is halved until the loss falls. Where no
    part of it makes the loss fall, rounding hides what is left, and this is the minimum as well as doubles can tell."""
    model = [0.0] * len(rows[0].x)
    loss = penalised_loss(rows, model, l2)
    for _ in range(STEPS_MAX):
        gradient, curvature = differentiate(rows, model, l2)
        if max(map(abs, gradient)) <= GRADIENT_MAX * len(rows):
            return model
        step = newton_step(gradient, curvature)
        for halved in range(HALVINGS_MAX):
            moved = [coefficient - along / 2**halved for coefficient, along in zip(model, step)]
            if (reached := penalised_loss(rows, moved, l2)) < loss:
                break
        else:
            return model
        model, loss = moved, reached
    raise Refusal("training does not converge: raise --l2")


# ---- quality and output ----


def assess(rows: list[Row], model: list[float]) -> tuple[float, float, float]:
    """Area under the curve, share of right answers, mean log-loss."""
    scores = [score(row, model) for row in rows]
    right = sum((log_odds > 0) == (row.y == 1) for log_odds, row in zip(scores, rows))
    loss = sum(log_loss(row, model) for row in rows)
    return area_under_curve(sorted(zip(scores, (row.y for row in rows)))), right / len(rows), loss / len(rows)


def area_under_curve(scored: list[tuple[float, int]]) -> float:
    """How often a positive row has the higher score than a negative one; equal scores count half."""
    above, positives, negatives = 0.0, 0, 0
    for _, tied in groupby(scored, key=lambda pair: pair[0]):
        labels = [label for _, label in tied]
        above += sum(labels) * (negatives + labels.count(0) / 2)
        positives += sum(labels)
        negatives += labels.count(0)
    return above / (positives * negatives)


def write_model(names: list[str], scale: list[tuple[float, float]], model: list[float]) -> None:
    *coefficients, intercept = model
    lines = [["(intercept)", 0.0, 1.0, intercept, math.exp(intercept)]]
    for name, (mean, deviation), coefficient in zip(names, scale, coefficients):
        lines.append([name, mean, deviation, coefficient, math.exp(coefficient)])
    write_csv(MODEL, ["feature", "mean", "deviation", "coefficient", "odds"], lines)


def write_csv(path: str, header: list[str], lines: list[list]) -> None:
    """Numbers as `repr` gives them: reading gives the same double again."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])
