"""The answers that students of a language model learn from and are scored on, with the teacher's targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, Identity, Temperature, parse_calibrator
from teacherspec.errors import DataError
from teacherspec.predictions.index import load_index
from teacherspec.predictions.top_k_tokens import TopKTokens, load_top_k, load_vocabulary
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.matched_rows import every_split, matched_rows
from teacherspec.probe.outcome import ScoredSet
from teacherspec.probe.sources import CHOOSING, READ, REPORTED, TRANSFER
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from teacherspec.splits import Prepared


@dataclass(frozen=True)
class ProbeTokens:
    """All answers of a probe.

    Attributes:
        train: answers that students learn from; those that nobody vouches for come last.
        labelled: how many of them somebody vouches for.
        choice: answers by which epoch and arm are chosen.
        reported: name of the split → its answers: test, then each shifted set.
        vocabulary: width of the teacher's logits.
        calibration: temperature of the calibrator; 1 where it changes nothing.
    """

    train: TopKTokens
    labelled: int
    choice: TopKTokens
    reported: Mapping[str, TopKTokens]
    vocabulary: int
    calibration: float

    def scored_sets(self) -> dict[str, TopKTokens]:
        """Everything that students are scored on, by name; the answers that choose first."""
        return {CHOICE: self.choice, **self.reported}

    @property
    def longest(self) -> int:
        """Tokens of the longest conversation."""
        return max(int(one.lengths.max()) for one in (self.train, *self.scored_sets().values()))


def next_tokens(tokens: TopKTokens) -> npt.NDArray[np.int64]:
    """`[U]` the supervised tokens that another one predicts, row after row."""
    return tokens.input_ids[_predicted(tokens)].astype(np.int64)


def predicting_places(tokens: TopKTokens) -> npt.NDArray[np.int64]:
    """`[U]` place in its row of the token before each of them."""
    place = np.arange(len(tokens.input_ids)) - np.repeat(tokens.token_starts[:-1], tokens.lengths)
    found: npt.NDArray[np.int64] = place[_predicted(tokens)] - 1
    return found


def _predicted(tokens: TopKTokens) -> npt.NDArray[np.bool_]:
    """`[L]` supervised tokens but those that begin a row: nothing predicts them."""
    chosen = tokens.supervised.copy()
    chosen[tokens.token_starts[:-1]] = False
    return chosen


def weights(tokens: TopKTokens) -> npt.NDArray[np.float64]:
    """`[U]` share of each position in the mean of its prompt: answers to a prompt weigh the same."""
    shares = 1.0 / (tokens.positions * np.bincount(tokens.prompt)[tokens.prompt])
    return np.repeat(shares, tokens.positions)


def by_prompt(tokens: TopKTokens, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Means `[…, P]` over the answers to each prompt of their means over positions, of values `[…, U]`."""
    owner = np.repeat(tokens.prompt, tokens.positions)
    order = np.argsort(owner, kind="stable")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(owner[order])) + 1))
    weighted = (values * weights(tokens))[..., order]
    means: npt.NDArray[np.float32] = np.add.reduceat(weighted, starts, axis=-1).astype(np.float32)
    return means


def scored(name: str, tokens: TopKTokens) -> ScoredSet:
    """As a set of prompts that students are scored on, with the share of tokens that the teacher predicts."""
    hits = (tokens.targets["token_ids"][:, 0] == next_tokens(tokens)).astype(np.float32)
    first = np.unique(tokens.prompt, return_index=True)[1]
    return ScoredSet(name, [tokens.ids[int(row)] for row in first], by_prompt(tokens, hits))


def load_tokens(section: Probe, prepared: Prepared, evaluated: Path, calibrated: Path) -> ProbeTokens:
    """Read answers, targets and calibrator, and check that students can learn from them.

    Args:
        section: `params.yaml: probe`.
        prepared: the splits.
        evaluated: `artifacts/evaluate`.
        calibrated: `artifacts/calibrate`.

    Raises:
        DataError: targets are missing, of other rows or not finite, or rows are too few; every problem.
    """
    index = load_index(evaluated)
    names = [name for role in READ for name in index.splits(role)]

    def load(name: str) -> TopKTokens:
        return _of_split(prepared.splits[name].path, evaluated, name, section.max_rows)

    rows = every_split(names, load)
    of_role = {role: [rows[name] for name in index.splits(role)] for role in READ}
    labelled = TopKTokens.joined(of_role["train"])
    if too_few := list(section.budget_problems(len(labelled.ids), 0)):
        raise DataError(too_few)
    return ProbeTokens(
        train=TopKTokens.joined([labelled, *of_role[TRANSFER]]),
        labelled=len(labelled.ids),
        choice=TopKTokens.joined([one for role in CHOOSING for one in of_role[role]]),
        reported={name: rows[name] for role in REPORTED for name in index.splits(role)},
        vocabulary=load_vocabulary(evaluated),
        calibration=_temperature(
            parse_calibrator(read_json(calibrated / "calibration.json")["calibrator"]), calibrated
        ),
    )


def _of_split(path: Path, evaluated: Path, name: str, most: int) -> TopKTokens:
    """The rows of a split, joined to the teacher's targets by id; some of them where there are more."""
    import pyarrow.parquet as pq

    ids: Sequence[str] = pq.read_table(path, columns=["id"])["id"].to_pylist()
    found = load_top_k(evaluated, name)
    _, places = matched_rows(ids, found.ids, most, evaluated, name)
    tokens = found.take(places)
    wrong = np.zeros(int(tokens.positions.sum()), np.bool_)
    for values in tokens.targets.values():
        broken = np.isnan(values)
        wrong |= broken if broken.ndim == 1 else broken.any(axis=1)
    if wrong.any():
        bad = np.unique(np.repeat(np.arange(len(tokens.ids)), tokens.positions)[wrong])
        raise DataError(
            f"{evaluated}: the teacher's top k for row {tokens.ids[int(bad[0])]} of split {name} are not "
            f"finite ({len(bad)} such rows); run `evaluate` again"
        )
    return tokens


def _temperature(calibrator: Calibrator, folder: Path) -> float:
    if isinstance(calibrator, Temperature):
        return calibrator.temperature
    if isinstance(calibrator, Identity):
        return 1.0
    raise DataError(
        f"{folder / 'calibration.json'}: the tokens of a language model have one temperature (given "
        f"{calibrator.kind}); run `calibrate` again"
    )
