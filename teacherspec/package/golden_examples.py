"""A few test rows with the outputs of the packaged model: whoever loads the teacher can compare with them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.errors import UserError
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.runtime.atomic_io import read_json, replacing, write_json, write_text
from teacherspec.splits import open_split
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.text.chat_template import depends_on_day

ROWS, INPUTS, LOGITS, ABOUT = "rows.jsonl", "inputs.safetensors", "logits.safetensors", "golden.json"

FLOAT32_TOLERANCE = 1e-4
"""Largest difference of a logit between machines and batch shapes in float32; seen on CPUs: about 1e-6."""

ROUNDINGS = 8
"""Roundings of a half-precision type that its logits may be off by, relative to the largest logit."""

EPSILON = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


Outputs = Mapping[str, npt.NDArray[np.float32]]
"""Outputs of a model by name: `logits` `[N, C]`, and others such as embeddings `[N, D]`."""


@dataclass(frozen=True)
class Golden:
    """What `golden/` holds.

    Attributes:
        rows: the raw rows, N of them.
        inputs: what the processor makes of them, as one batch: name → array.
        outputs: of the packaged model.
    """

    rows: Sequence[dict[str, Any]]
    inputs: Mapping[str, npt.NDArray[Any]]
    outputs: Outputs


@dataclass(frozen=True)
class GoldenOutputs:
    """Outputs of the packaged model for some test rows, to compare with what `evaluate` predicted.

    Attributes:
        processor: of the packaged model.
        indices: `[N]` of the rows in the test split.
        rows: the raw rows.
        outputs: of the packaged model.
    """

    processor: Any
    indices: npt.NDArray[np.int64]
    rows: Sequence[dict[str, Any]]
    outputs: Outputs

    def mismatch(self, name: str, predictions: npt.NDArray[np.float32]) -> str | None:
        """Which row's output differs most from predictions `[test rows, …]`; None within the tolerance."""
        ids = [row["id"] for row in self.rows]
        return largest_mismatch(predictions[self.indices], self.outputs[name], ids, FLOAT32_TOLERANCE, name)


def write_golden(
    inputs: PackageInputs, mismatch: Callable[[PackageInputs, GoldenOutputs], str | None]
) -> None:
    """Run the packaged model on test rows, spread evenly over the split, and write `golden/`.

    Args:
        inputs: of the package.
        mismatch: compares the outputs with what `evaluate` predicted.

    Raises:
        UserError: the packaged model does not give the outputs that everything was measured on.
    """
    from safetensors.numpy import save

    task, target = inputs.task, inputs.folder / "golden"
    test = open_split(inputs.outputs.prepared.splits["test"])
    indices = np.unique(np.linspace(0, len(test) - 1, inputs.section.golden_examples).round().astype(int))
    rows = [dict(test[int(index)]) for index in indices]
    model, processor = task.load(inputs.folder / "model")
    batch, outputs = forward(task, model, processor, rows)
    if problem := mismatch(inputs, GoldenOutputs(processor, indices, rows, outputs)):
        raise UserError(f"{problem}: the predictions are of another model; run `dvc repro` again")
    lines = [json.dumps(_to_json(task.row_schema(), row), ensure_ascii=False) + "\n" for row in rows]
    write_text(target / ROWS, "".join(lines))
    for name, tensors in ((INPUTS, batch), (LOGITS, outputs)):
        with replacing(target / name) as partial:
            partial.write_bytes(save(tensors))
    write_json(target / ABOUT, {"rows": len(rows), "tolerance": tolerances(outputs["logits"])})


def forward(
    task: Kind, model: Any, processor: Any, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[np.float32]]]:
    """Model inputs, and the golden outputs of the model in float32, of rows as one batch."""
    import torch

    batch = task.batch(processor, rows)
    with torch.inference_mode():
        outputs = task.golden_outputs(model, batch)
    return (
        {name: tensor.numpy() for name, tensor in batch.items()},
        {name: tensor.float().contiguous().numpy() for name, tensor in outputs.items()},
    )


def tolerances(logits: npt.NDArray[np.float32]) -> dict[str, float]:
    """Largest absolute difference per dtype that still is this teacher, for logits `[N, C]`."""
    largest = float(np.abs(logits).max())
    half = {name: round(ROUNDINGS * epsilon * largest, 6) for name, epsilon in EPSILON.items()}
    return {"float32": FLOAT32_TOLERANCE, **half}


def largest_mismatch(
    expected: npt.NDArray[np.float32],
    found: npt.NDArray[np.float32],
    ids: Sequence[str],
    tolerance: float,
    name: str,
) -> str | None:
    """Which row's output `[N, …]` differs most; None where all are within `tolerance`."""
    if expected.shape != found.shape:
        return f"{name} have shape {list(found.shape)}, expected {list(expected.shape)}"
    difference = np.abs(expected.astype(np.float64) - found).reshape(len(ids), -1).max(axis=1)
    worst = int(np.nan_to_num(difference, nan=np.inf).argmax())
    if difference[worst] <= tolerance:
        return None
    return f"row {ids[worst]}: the model's {name} are off by {difference[worst]:.3g} (allowed {tolerance:g})"


def _to_json(schema: RowSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{column.name: column.to_json(row[column.name]) for column in schema.content}}


def _from_json(schema: RowSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{column.name: column.from_json(row[column.name]) for column in schema.content}}


def load_golden(folder: Path, schema: RowSchema) -> Golden:
    """Read `golden/` of a package, whose rows have these columns."""
    from safetensors.numpy import load_file

    lines = (folder / ROWS).read_text(encoding="utf-8").splitlines()
    return Golden(
        rows=[_from_json(schema, json.loads(line)) for line in lines],
        inputs=load_file(folder / INPUTS),
        outputs=load_file(folder / LOGITS),
    )


def check_golden(opened: OpenedPackage) -> Iterator[str]:
    """The processor makes the golden inputs of the golden rows, and the model the golden outputs."""
    golden = load_golden(opened.folder / "golden", opened.task.row_schema())
    stated = min(opened.section.golden_examples, opened.metadata.splits["test"].rows)
    if len(golden.rows) != stated:
        yield f"golden: {len(golden.rows)} rows, declared are {stated}"
    if not golden.rows:
        return  # nothing to run the model on
    about = {"rows": len(golden.rows), "tolerance": tolerances(golden.outputs["logits"])}
    if read_json(opened.folder / "golden" / ABOUT) != about:
        yield f"golden/{ABOUT}: is not what the golden rows and logits give"
    model, processor = opened.model_and_processor
    inputs, outputs = forward(opened.task, model, processor, golden.rows)
    if inputs.keys() != golden.inputs.keys() or not all(
        np.array_equal(inputs[name], golden.inputs[name]) for name in inputs
    ):
        reason = undecided_day(opened.task, processor)
        yield f"golden: {reason or 'the processor makes other inputs of the rows'}"
    if golden.outputs.keys() != outputs.keys():
        yield f"golden: holds {', '.join(sorted(golden.outputs))}, the model gives {', '.join(outputs)}"
        return
    ids = [row["id"] for row in golden.rows]
    for name, expected in golden.outputs.items():
        if problem := largest_mismatch(expected, outputs[name], ids, FLOAT32_TOLERANCE, name):
            yield f"golden: {problem}"


def undecided_day(task: Kind, processor: Any) -> str | None:
    """That prompts depend on the day, as in packages built before there was `task.rendering.today`."""
    generates = task.capability(GenerationTask)
    templates = None if generates is None else generates.tokenizer(processor).chat_template
    for template in [templates] if isinstance(templates, str) else []:
        if (line := depends_on_day(template)) is not None:
            return (
                f"model/chat_template.jinja writes the present day into prompts (line {line}), so inputs "
                "differ from day to day; build the teacher again with task.rendering.today to verify it"
            )
    return None
