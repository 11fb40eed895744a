"""A few test rows with the logits of the packaged model: proof, in a second, that this teacher is loaded."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.errors import UserError
from teacherspec.predictions.classification import Predictions
from teacherspec.runtime.atomic_io import read_json, replacing, write_json, write_text
from teacherspec.tasks.base import Kind
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    from datasets import Dataset

ROWS, INPUTS, LOGITS, ABOUT = "rows.jsonl", "inputs.safetensors", "logits.safetensors", "golden.json"

FLOAT32_TOLERANCE = 1e-4
"""Largest difference of a logit between machines and batch shapes in float32; seen on CPUs: about 1e-6."""

ROUNDINGS = 8
"""Roundings of a half-precision type that its logits may be off by, relative to the largest logit."""

EPSILON = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


@dataclass(frozen=True)
class Golden:
    """What `golden/` holds.

    Attributes:
        rows: the raw rows, N of them.
        inputs: what the processor makes of them, as one batch: name → array.
        logits: `[N, C]` float32.
        tolerance: dtype → largest absolute difference of a logit.
        beside: what else the model says of the rows, name → `[N, D]` float32, such as embeddings.
    """

    rows: Sequence[dict[str, Any]]
    inputs: Mapping[str, npt.NDArray[Any]]
    logits: npt.NDArray[np.float32]
    tolerance: dict[str, float]
    beside: Mapping[str, npt.NDArray[np.float32]]


Said = Mapping[str, npt.NDArray[np.float32]]
"""What a model says of rows, by name: `logits` `[N, C]`, and more where the task has more."""

Strange = Callable[[Any, npt.NDArray[np.int64], Sequence[dict[str, Any]], Said], str | None]
"""From processor, places in the split, rows and what is said to what contradicts the predictions."""


def unlike_predictions(expected: Predictions) -> Strange:
    """Compares logits with predictions that are logits, in the order of the split."""

    def strange(
        processor: Any,  # noqa: ARG001
        picked: npt.NDArray[np.int64],
        rows: Sequence[dict[str, Any]],
        said: Said,
    ) -> str | None:
        return furthest(
            expected.logits[picked], said["logits"], [row["id"] for row in rows], FLOAT32_TOLERANCE
        )

    return strange


def pack_golden(task: Kind, model: Path, rows: "Dataset", strange: Strange, count: int, target: Path) -> None:
    """Run the packaged model on `count` rows spread evenly over a split and write `golden/`.

    Args:
        task: the declared task.
        model: model folder of the package.
        rows: the split.
        strange: compares the logits with what `evaluate` predicted for the split.
        count: number of rows; all where the split has fewer.
        target: folder to create.

    Raises:
        UserError: the packaged model does not give the logits that everything was measured on.
    """
    from safetensors.numpy import save

    picked = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
    chosen = [dict(rows[int(index)]) for index in picked]
    loaded, processor = task.load(model)
    inputs, said = forward(task, loaded, processor, chosen)
    fields = task.row_schema()
    if found := strange(processor, picked, chosen, said):
        raise UserError(f"{found}: the predictions are of another model; run `dvc repro` again")
    write_text(
        target / ROWS, "".join(json.dumps(_json(fields, row), ensure_ascii=False) + "\n" for row in chosen)
    )
    for name, tensors in ((INPUTS, inputs), (LOGITS, said)):
        with replacing(target / name) as partial:
            partial.write_bytes(save(tensors))
    write_json(target / ABOUT, {"rows": len(chosen), "tolerance": tolerances(said["logits"])})


def forward(
    task: Kind, model: Any, processor: Any, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[np.float32]]]:
    """Model inputs, and what the model says (`logits` `[N, C]` and more) in float32, of rows as one batch."""
    import torch

    batch = task.batch(processor, rows)
    with torch.inference_mode():
        said = task.golden_outputs(model, batch)
    return (
        {name: tensor.numpy() for name, tensor in batch.items()},
        {name: tensor.float().contiguous().numpy() for name, tensor in said.items()},
    )


def tolerances(logits: npt.NDArray[np.float32]) -> dict[str, float]:
    """Largest absolute difference per dtype that still is this teacher, for logits `[N, C]`."""
    largest = float(np.abs(logits).max())
    half = {name: round(ROUNDINGS * epsilon * largest, 6) for name, epsilon in EPSILON.items()}
    return {"float32": FLOAT32_TOLERANCE, **half}


def furthest(
    expected: npt.NDArray[np.float32],
    found: npt.NDArray[np.float32],
    ids: Sequence[str],
    tolerance: float,
    what: str = "logits",
) -> str | None:
    """Which row's logits `[N, C]`, or embeddings, differ most; None where all are within `tolerance`."""
    if expected.shape != found.shape:
        return f"{what} have shape {list(found.shape)}, expected {list(expected.shape)}"
    off = np.abs(expected.astype(np.float64) - found).max(axis=1)
    worst = int(off.argmax())
    if off[worst] <= tolerance:
        return None
    return f"row {ids[worst]}: the model's {what} are off by {off[worst]:.3g} (allowed {tolerance:g})"


def _json(fields: RowSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{field.name: field.to_json(row[field.name]) for field in fields.content}}


def _stored(fields: RowSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{field.name: field.from_json(row[field.name]) for field in fields.content}}


def load_golden(folder: Path, fields: RowSchema) -> Golden:
    """Read `golden/` of a package, whose rows hold these fields."""
    from safetensors.numpy import load_file

    lines = (folder / ROWS).read_text(encoding="utf-8").splitlines()
    said = load_file(folder / LOGITS)
    return Golden(
        rows=[_stored(fields, json.loads(line)) for line in lines],
        inputs=load_file(folder / INPUTS),
        logits=said.pop("logits"),
        tolerance=read_json(folder / ABOUT)["tolerance"],
        beside=said,
    )
