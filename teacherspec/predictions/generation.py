"""Predictions of generation: statistics of each supervised token, and generated answers.

Logits of the whole vocabulary are not stored: at each inverse temperature β of a grid two numbers a token,
and sums over all tokens, are enough to fit a temperature and to compute calibration errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.predictions.index import read_split
from teacherspec.runtime.atomic_io import read_json, write_json, write_parquet

OUTPUT_TYPE = "generation"
"""This type of output, as named in `predictions.json`."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TokenPredictions:
    """N rows with T supervised tokens together, at G inverse temperatures.

    Logits are less the largest of their token.

    Attributes:
        ids: row ids, length N.
        tokens: `[N]` supervised tokens of each row, at least 1; T is their sum.
        label_logit: `[T]` float32, z_y, at most 0.
        hit: `[T]` bool, whether the label is the most likely token.
        lse: `[T, G]` float32, log-sum-exp of βz.
        mean: `[T, G]` float32, E_β z, its derivative.
        betas: `[G]` ascending, 1 among them.
        sums: `[4, G]` float64, over tokens: ΣL, its first two derivatives in β, Σ(L')²; nats.
        prompt: `[N]` number of the prompt of each row, from 0 on; omit where each row has its own.
    """

    ids: Sequence[str]
    tokens: npt.NDArray[np.int64]
    label_logit: Floats
    hit: npt.NDArray[np.bool_]
    lse: Floats
    mean: Floats
    betas: npt.NDArray[np.float64]
    sums: npt.NDArray[np.float64]
    prompt: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.prompt):
            object.__setattr__(self, "prompt", np.arange(len(self.ids)))
        total, grid = int(self.tokens.sum()), len(self.betas)
        shapes = (self.tokens.shape, self.label_logit.shape, self.hit.shape, self.lse.shape, self.mean.shape)
        if shapes != ((len(self.ids),), (total,), (total,), (total, grid), (total, grid)):
            raise ValueError(f"predictions disagree: {len(self.ids)} ids, {total} tokens, shapes {shapes}")

    @cached_property
    def row(self) -> npt.NDArray[np.int64]:
        """Row `[T]` that each token belongs to."""
        return np.repeat(np.arange(len(self.ids)), self.tokens)

    @cached_property
    def cluster(self) -> npt.NDArray[np.int64]:
        """What each row `[N]` is resampled with, numbered from 0 on: the rows of its prompt, because answers
        to one prompt are not independent; itself where all rows have one prompt."""
        found, cluster = np.unique(self.prompt, return_inverse=True)
        return cluster if len(found) > 1 else np.arange(len(self.ids))

    def nll(self) -> npt.NDArray[np.float64]:
        """NLL `[T]` of each token at temperature 1, nats."""
        at_one = int(np.flatnonzero(self.betas == 1.0)[0])
        nll: npt.NDArray[np.float64] = self.lse[:, at_one].astype(np.float64) - self.label_logit
        return nll


@dataclass(frozen=True)
class Answer:
    """A generated answer to one prompt, with its log-probability.

    Attributes:
        id: of the row.
        prompt: its text.
        references: right answers.
        text: the answer of the teacher.
        base_text: the answer of the untrained base.
        tokens: of the answer, the stop token included where it stopped.
        stopped: whether it ended by itself.
        correct: whether the answer is one of the references, or what is extracted from both is equal.
        log_prob: `[G]` mean log-probability of its tokens at each β of the grid, nats.
        pictures: small copies of the images of the prompt, PNG or JPEG.
        input_ids: prompt and answer as the teacher's tokens; the last `tokens` are the answer.
    """

    id: str
    prompt: str
    references: tuple[str, ...]
    text: str
    base_text: str
    tokens: int
    stopped: bool
    correct: bool
    log_prob: tuple[float, ...]
    pictures: tuple[bytes, ...] = ()
    input_ids: tuple[int, ...] = ()


def save_token_predictions(folder: Path, split: str, predictions: TokenPredictions) -> None:
    """Write `predictions/<split>.parquet`, a row for each row of the split, and `<split>.sums.json`."""
    import pyarrow as pa

    offsets = np.concatenate(([0], np.cumsum(predictions.tokens))).astype(np.int32)
    grid = len(predictions.betas)

    def lists(values: npt.NDArray[np.generic]) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))

    def grids(values: Floats) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.ListArray.from_arrays(pa.array(offsets), pa.FixedSizeListArray.from_arrays(flat, grid))

    table = pa.table(
        {
            "id": pa.array(predictions.ids, pa.string()),
            "prompt": pa.array(predictions.prompt),
            "label_logit": lists(predictions.label_logit),
            "hit": lists(predictions.hit),
            "lse": grids(predictions.lse),
            "mean": grids(predictions.mean),
        }
    )
    write_parquet(folder / "predictions" / f"{split}.parquet", table)
    sums = {"betas": predictions.betas.tolist(), "sums": predictions.sums.tolist()}
    write_json(folder / "predictions" / f"{split}.sums.json", sums)


def load_token_predictions(folder: Path, split: str) -> TokenPredictions:
    """Read the predictions of `split` from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: there is no such split.
    """
    table = read_split(folder, split)
    grid = read_json(folder / "predictions" / f"{split}.sums.json")
    columns = {name: table[name].chunk(0) for name in table.column_names}
    wide = len(grid["betas"])
    return TokenPredictions(
        ids=columns["id"].to_pylist(),
        tokens=columns["hit"].value_lengths().to_numpy().astype(np.int64),
        label_logit=columns["label_logit"].flatten().to_numpy(),
        hit=columns["hit"].flatten().to_numpy(zero_copy_only=False),
        lse=columns["lse"].flatten().flatten().to_numpy().reshape(-1, wide),
        mean=columns["mean"].flatten().flatten().to_numpy().reshape(-1, wide),
        betas=np.asarray(grid["betas"]),
        sums=np.asarray(grid["sums"]),
        # Teachers of earlier releases, which `teacherspec diff` reads, have no such column.
        **({"prompt": columns["prompt"].to_numpy()} if "prompt" in columns else {}),
    )


def save_answers(folder: Path, split: str, answers: Sequence[Answer]) -> None:
    """Write `answers/<split>.parquet`, one row an answer."""
    import pyarrow as pa

    types = {
        "id": pa.string(),
        "prompt": pa.string(),
        "references": pa.list_(pa.string()),
        "text": pa.string(),
        "base_text": pa.string(),
        "tokens": pa.int32(),
        "stopped": pa.bool_(),
        "correct": pa.bool_(),
        "log_prob": pa.list_(pa.float32()),
        "input_ids": pa.list_(pa.int32()),
        **({"pictures": pa.list_(pa.binary())} if any(one.pictures for one in answers) else {}),
    }
    columns = {name: pa.array([getattr(one, name) for one in answers], kind) for name, kind in types.items()}
    write_parquet(folder / "answers" / f"{split}.parquet", pa.table(columns))


def load_answers(folder: Path, split: str) -> list[Answer]:
    """The answers of `split` that `save_answers` wrote; none where it wrote none."""
    import pyarrow.parquet as pq

    path = folder / "answers" / f"{split}.parquet"
    rows = pq.read_table(path).to_pylist() if path.exists() else []
    tuples = ("references", "log_prob", "pictures", "input_ids")
    return [Answer(**{**row, **{name: tuple(row[name]) for name in tuples if name in row}}) for row in rows]
