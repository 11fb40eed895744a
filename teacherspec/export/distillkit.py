"""Offline targets for DistillKit (arcee-ai/DistillKit a61c2e7): raw top-k rows and the run's YAML.

DistillKit stacks rows as they are: every column a number, every row of the same length. So a sequence is a
row of its own, filled up to the longest; filling is masked by labels of -100 and an attention mask of 0. Its
KL mask is `labels >= 0` at the position itself, not shifted, as are the stored rows: row t predicts t + 1.
"""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teacherspec.export.package_reader import Source
from teacherspec.runtime.atomic_io import read_json, write_text
from teacherspec.tasks.shared.hf_loading import quiet_libraries

IGNORE_INDEX = -100

CONFIG = """\
# distillkit {name}.yaml   after setting model, output_path and, where it moved, disk_path
project_name: {name}
model: PATH_OR_ID_OF_THE_STUDENT
output_path: students/{name}
sequence_length: {length}
dataset:
  train_dataset:
    disk_path: {split}
  prepacked: true
teacher:
  kind: dataset
  logprob_compressor:  # read by nothing for raw rows, but demanded
    d: {vocabulary}
    k: {k}
    exact_k: {k}
    exact_dtype: float16
    residual_bins: []
loss_functions:
  - function: cross_entropy
    weight: 0.5
  - function: kl
    weight: 0.5
    temperature: 1.0
    # `zero`, the default, makes the teacher itself no optimum: the tail must be somewhere.
    missing_probability_handling: symmetric_uniform
"""


def export_distillkit(source: Source, splits: list[str], target: Path) -> None:
    """Write each split as a data set that `datasets.load_from_disk` opens, and `distillkit.yaml`."""
    from datasets import Dataset, Features, List, Value

    quiet_libraries()
    longest, k = _extent(source, splits)
    features = Features(
        {
            "input_ids": List(Value("int64")),
            "attention_mask": List(Value("int64")),
            "labels": List(Value("int64")),
            "token_ids": List(List(Value("int64"))),
            "top_values": List(List(Value("float32"))),
        }
    )

    def rows(split: str) -> Iterator[dict[str, Any]]:
        for row in source.sequences(split):
            yield pad_row(row, longest, k)

    scratch = target / ".cache"
    for split in splits:
        found = Dataset.from_generator(
            rows, features=features, cache_dir=str(scratch), gen_kwargs={"split": split}, keep_in_memory=True
        )
        found.save_to_disk(str(target / split))
    shutil.rmtree(scratch, ignore_errors=True)
    vocabulary = read_json(source.folder / "model/config.json")["vocab_size"]
    shown = "train" if "train" in splits else splits[0]
    values = {"name": source.name, "length": longest, "split": shown, "vocabulary": vocabulary, "k": k}
    write_text(target / "distillkit.yaml", CONFIG.format(**values))


def pad_row(row: dict[str, Any], length: int, k: int) -> dict[str, Any]:
    """A row of `length` positions, each with k tokens; what is filled up is masked.

    Filled positions hold a proper distribution, because a masked NaN is still NaN.
    """
    missing = length - len(row["input_ids"])
    # The mask of the loss is the label at the position itself: none where nothing is stored of it.
    learned = zip(row["input_ids"], row["completion_mask"], row["stored"], strict=True)
    uniform = [-math.log(k + 1)] * k
    return {
        "input_ids": row["input_ids"] + [0] * missing,
        "attention_mask": [1] * len(row["input_ids"]) + [0] * missing,
        "labels": [token if mask and known else IGNORE_INDEX for token, mask, known in learned]
        + [IGNORE_INDEX] * missing,
        "token_ids": row["token_ids"] + [list(range(k))] * missing,
        "top_values": row["top_values"] + [uniform] * missing,
    }


def _extent(source: Source, splits: list[str]) -> tuple[int, int]:
    """Tokens of the longest sequence, and k."""
    longest, k = 0, 0
    for split in splits:
        for batch in source.batches(split, ["input_ids", "token_ids"]):
            longest = max(longest, *(len(ids) for ids in batch["input_ids"]))
            k = len(batch["token_ids"][0][0])
    return longest, k
