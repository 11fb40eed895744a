"""Class logits as tensors: a file a split, for loops that want nothing but arrays."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.export.package_reader import Source
from teacherspec.package.classification.ensemble import COLUMNS as ENSEMBLE
from teacherspec.package.classification.ensemble import LOG_PROBS, UNCERTAINTIES
from teacherspec.package.classification.soft_targets import FOLD, OUT_OF_FOLD_LOGITS
from teacherspec.runtime.atomic_io import read_json, replacing, write_json, write_text

if TYPE_CHECKING:
    import pyarrow as pa

README = """\
`<split>.safetensors` holds `logits` `[N, C]` float32 at temperature 1 and `labels` `[N]` int32 (-1: none),
after cross-fitting also `fold` `[N]` int8 (-1: none) and `out_of_fold_logits` `[N, C]` (NaN: none), of an
ensemble `ensemble_log_probs` `[N, C]`, `aleatoric` and `epistemic` `[N]` (NaN: none).
`<split>.json` holds the ids and content hashes of the same rows, in the same order: join by them.

    from safetensors.numpy import load_file
    logits = load_file("train.safetensors")["logits"]
"""


def export_safetensors_logits(source: Source, splits: list[str], target: Path) -> None:
    """Write `<split>.safetensors`, `<split>.json`, `label_names.json` and a note on how to read them."""
    from safetensors.numpy import save_file

    names = [
        "id",
        "content_sha256",
        "label",
        "logits",
        *(sorted({FOLD, OUT_OF_FOLD_LOGITS, *ENSEMBLE} & source.columns)),
    ]
    for split in splits:
        batches = list(source.batches(split, names))
        tensors = {
            "logits": np.concatenate([_matrix(batch["logits"]) for batch in batches]),
            "labels": np.concatenate([batch["label"].to_numpy().astype(np.int32) for batch in batches]),
        }
        for name in {OUT_OF_FOLD_LOGITS, LOG_PROBS}.intersection(names):
            tensors[name] = np.concatenate([_matrix(batch[name]) for batch in batches])
        for name in set(UNCERTAINTIES).intersection(names):
            tensors[name] = np.concatenate([batch[name].to_numpy(zero_copy_only=False) for batch in batches])
        if FOLD in names:
            tensors[FOLD] = np.concatenate([batch[FOLD].to_numpy() for batch in batches])
        with replacing(target / f"{split}.safetensors") as partial:
            save_file(tensors, partial, {"teacher": source.name, "temperature": "1"})
        keys = {key: [value for batch in batches for value in batch[key].to_pylist()] for key in names[:2]}
        write_json(target / f"{split}.json", keys)
    write_json(target / "label_names.json", read_json(source.folder / "metadata.json")["label_names"])
    write_text(target / "README.md", README)


def _matrix(column: "pa.FixedSizeListArray") -> npt.NDArray[np.float32]:
    """`[N, C]` float32; a row that is null is NaN throughout."""
    width = column.type.list_size
    found: npt.NDArray[np.float32] = np.full((len(column), width), np.nan, np.float32)
    found[column.is_valid().to_numpy(zero_copy_only=False)] = column.flatten().to_numpy().reshape(-1, width)
    return found
