"""How `auto` calibrates on few rows: `python -m benchmarks.auto_calibrator NAME=artifacts/evaluate`.

Each folder holds a classifier's predictions as the stage `evaluate` leaves them. Their logits are divided by
the best temperature and multiplied by a known one; rules choose on some rows and are scored on all others.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from benchmarks.page import fill
from teacherspec.calibrators.auto_select import STANDARD_ERRORS, cross_validate
from teacherspec.calibrators.fit import fit
from teacherspec.calibrators.fitted import Calibrator, Identity, apply
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.metrics.calibration import expected_calibration_error, top_label_confidence
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.predictions.classification import load_predictions
from teacherspec.spec.calibrate import Auto, NoCalibration, TemperatureScaling

README = Path(__file__).with_name("README.md")
SPLITS = ("validation", "calibration", "test")
TEMPERATURES = (0.8, 1.0, 1.15, 1.3, 1.6)
SIZES = (100, 150, 300, 500)
SECTION = Auto(kind="auto")

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]


def by_gain(logits: Array, labels: Labels) -> Calibrator:
    """One temperature where its held-out NLL is lower by two standard errors, else nothing."""
    rivals = [
        cross_validate(
            method.kind, lambda z, y, own=method: fit(own, z, y).calibrator, logits, labels, SECTION
        )
        for method in (NoCalibration(kind="none"), TemperatureScaling())
    ]
    gain = rivals[0].nll - rivals[1].nll
    clear = gain.mean() > STANDARD_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain))
    return fit(TemperatureScaling(), logits, labels).calibrator if clear else Identity()


Rule = Callable[[Array, Labels], Calibrator]

RULES: Mapping[str, Rule] = {
    "`auto`": lambda logits, labels: fit(SECTION, logits, labels).calibrator,
    "by the gain": by_gain,
    "always": lambda logits, labels: fit(TemperatureScaling(), logits, labels).calibrator,
}


def rows(folder: Path) -> tuple[Array, Labels]:
    """Logits at their best temperature, and labels, of every row that the training did not see."""
    splits = [load_predictions(folder, name) for name in SPLITS]
    logits = np.concatenate([split.logits for split in splits]).astype(np.float64)
    labels = np.concatenate([split.labels for split in splits])
    return logits / fit_temperature(logits, labels).temperature, labels


def one_draw(rule: Rule, logits: Array, labels: Labels, size: int, seed: int) -> tuple[float, float, float]:
    """Whether a rule changed anything, and what became of NLL (nats) and ECE of the rows it did not see."""
    order = np.random.default_rng(seed).permutation(len(labels))
    own, rest = order[:size], order[size:]
    calibrator = rule(logits[own], labels[own])
    before, after = (apply(one, logits[rest]) for one in (Identity(), calibrator))
    errors = [
        expected_calibration_error(*top_label_confidence(np.exp(one), labels[rest]))
        for one in (before, after)
    ]
    loss = nll(after, labels[rest]) - nll(before, labels[rest])
    return calibrator.kind != "none", loss, errors[1] - errors[0]


def lines(found: Mapping[str, tuple[Array, Labels]], draws: int) -> list[str]:
    """One line a set, temperature and number of rows."""
    title = " | ".join(f"{rule}: calibrates | NLL, worst | ECE" for rule in RULES)
    table = [f"| set | true T | rows | {title} |", "|---|--:|--:|" + "--:|" * 3 * len(RULES)]
    for name, (logits, labels) in found.items():
        for temperature in TEMPERATURES:
            for size in (size for size in SIZES if len(labels) >= 2 * size):
                cells = []
                for rule in RULES.values():
                    scores = np.array([
                        one_draw(rule, temperature * logits, labels, size, draw) for draw in range(draws)
                    ])  # fmt: skip
                    share, loss, error = scores.mean(axis=0)
                    cells += [f"{share:.0%}", f"{loss:+.3f}, {scores[:, 1].max():+.3f}", f"{error:+.3f}"]
                table.append(f"| {name} | {temperature:g} | {size} | {' | '.join(cells)} |")
                click.echo(table[-1])
    return table


@click.command()
@click.argument("evaluated", nargs=-1, required=True, metavar="NAME=FOLDER...")
@click.option("--draws", default=40, show_default=True, help="Draws of the rows that are fitted on.")
def main(evaluated: tuple[str, ...], draws: int) -> None:
    """Compare rules for calibrating on few rows, and write the table of the README."""
    folders = dict(one.split("=", 1) for one in evaluated)
    fill(README, "rules", lines({name: rows(Path(folder)) for name, folder in folders.items()}, draws))


main()
