"""The data sets, and the candidates for a base that are compared on each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.recipes.datasets import BenchmarkSet, banking77, clothing, helpdesk
from teacherspec.model_files.first_layers import first_layers
from teacherspec.model_files.manifest import CACHE
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.spec.base import Pooling
from teacherspec.splits import Prepared, Split

HELPDESK_ROWS = 300
"""Train rows of the default data set that are used here, 15 a class."""


@dataclass(frozen=True)
class Candidate:
    """How a candidate is made from the base of a data set.

    Attributes:
        pooling: as `base.pooling`.
        layers: as `base.layers`.
        folder: below the folder of further models; None for the base of the data set itself.
        rate: factor of the recipe's learning rates; None for that of the data set, as with `epochs`.
        epochs: factor of its epochs.
    """

    pooling: Pooling = "mean"
    layers: int | None = None
    folder: str | None = None
    rate: float | None = None
    epochs: int | None = None


ENCODERS: Mapping[str, Candidate] = {
    "MiniLM, 6 layers": Candidate(),
    "MiniLM, 3 layers": Candidate(layers=3),
    "MiniLM, 1 layer": Candidate(layers=1),
    "MiniLM, 6 layers, first token": Candidate(pooling="first"),
    "MPNet, 12 layers, first token": Candidate(pooling="first", folder="all-mpnet-base-v2", rate=0.5),
}
IMAGE_MODELS: Mapping[str, Candidate] = {
    "MobileNetV1 0.25": Candidate(pooling="first"),
    "EfficientNet-Lite0": Candidate(pooling="first", folder="efficientnet-lite0"),
    "DINOv2-small": Candidate(pooling="first", folder="dinov2-small", rate=1.0, epochs=1),
}


def small_helpdesk(data: Path, work: Path) -> BenchmarkSet:
    """The default data set with an eighth of its train rows."""
    whole = helpdesk(data, work)
    train = whole.prepared.splits["train"]
    table = pq.read_table(train.path)
    chosen = np.sort(np.random.default_rng(0).choice(len(table), HELPDESK_ROWS, replace=False))
    path = work / "train-cut.parquet"
    write_parquet(path, table.take(chosen))
    cut = Split("train", "train", HELPDESK_ROWS, sha256_file(path), path)
    splits = {**whole.prepared.splits, "train": cut}
    return replace(whole, prepared=Prepared(whole.prepared.task, whole.prepared.label_names, splits))


SETS: Mapping[str, tuple[Callable[[Path, Path], BenchmarkSet], Mapping[str, Candidate]]] = {
    "banking77": (banking77, ENCODERS),
    "helpdesk": (small_helpdesk, ENCODERS),
    "clothing": (clothing, IMAGE_MODELS),
}
"""Name → what prepares it, and its candidates."""


def with_candidate(data: BenchmarkSet, candidate: Candidate, models: Path | None) -> BenchmarkSet | None:
    """The data set with a candidate as its base; None where its folder is not there."""
    folder = data.base
    if candidate.folder is not None:
        if models is None or not (models / candidate.folder).is_dir():
            return None
        folder = models / candidate.folder
    if candidate.layers is not None:
        folder = first_layers(folder, candidate.layers, CACHE)
    rate, epochs = candidate.rate or data.rate, candidate.epochs or data.epochs
    return replace(data, base=folder, pooling=candidate.pooling, rate=rate, epochs=epochs, precision="fp32")
