"""Offline log-probabilities for axolotl 0.19.0, type `axolotl.integrations.kd.chat_template`.

axolotl renders `messages` itself and lays the given log-probabilities over the end of its tokens; its loss
compares position t of the student with entry t, not shifted. So all positions are given, and each row is
rendered here as axolotl will: were the tokens others than the teacher's, all targets would be of other
places.
axolotl renormalises the top k and drops the tail.
"""

import json
import math
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.export.package_reader import Source
from teacherspec.runtime.atomic_io import replacing, write_text

UNLIKELY = -30.0
"""Log-probability of what may be left out."""

CONFIG = """\
# What KD adds to an axolotl run; the tokenizer of the student must be the teacher's (PACKAGE/model).
plugins:
  - axolotl.integrations.kd.KDPlugin
kd_trainer: true
kd_ce_alpha: 0.1
kd_alpha: 0.9
kd_temperature: 1.0
datasets:
  - path: {split}.jsonl
    ds_type: json
    type: axolotl.integrations.kd.chat_template
    field_messages: messages
    logprobs_field: logprobs
    temperature: 1.0
"""


def export_axolotl(source: Source, splits: list[str], target: Path) -> None:
    """Write `<split>.jsonl` and `axolotl.yaml`.

    Raises:
        UserError: the packaged chat template gives other tokens than the teacher received.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        source.folder / "model", local_files_only=True, trust_remote_code=False
    )
    if not tokenizer.chat_template:
        raise UserError(
            f"{source.folder / 'model'}: its tokenizer has no chat template, which axolotl renders with"
        )
    for split in splits:
        with replacing(target / f"{split}.jsonl") as path, path.open("w", encoding="utf-8") as file:
            for row, conversation in zip(source.sequences(split), source.conversations(split), strict=True):
                line = axolotl_row({**row, **conversation}, render_tokens(tokenizer, {**row, **conversation}))
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    write_text(target / "axolotl.yaml", CONFIG.format(split="train" if "train" in splits else splits[0]))


def render_tokens(tokenizer: Any, row: dict[str, Any]) -> list[int]:
    """Token ids of the messages as the chat template gives them.

    Raises:
        UserError: they do not begin with the tokens that the teacher received.
    """
    turns = [dict(turn) for turn in row["messages"]]
    found = list(tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False))
    if found[: len(row["input_ids"])] != row["input_ids"]:
        raise UserError(
            f"row {row['id']}: the chat template gives other tokens than the teacher received; "
            "a teacher with task.rendering of kind chat can be exported to axolotl"
        )
    return found


def axolotl_row(row: dict[str, Any], tokens: list[int]) -> dict[str, Any]:
    """One line: all positions of `tokens`; those after the teacher's (a template's last line feed) are even.

    axolotl does not learn from them: they come after the end of the answer.
    """
    after = len(tokens) - len(row["input_ids"])
    k = len(row["token_ids"][0])
    values, ids = list(row["top_values"]), list(row["token_ids"])
    if row["completion_mask"][-1] and not row["stored"][-1]:
        # axolotl learns at the last token too; where nothing is stored of it: after the end comes the end.
        end = row["input_ids"][-1]
        ids[-1] = [end, *(token for token in range(k) if token != end)][:k]
        values[-1] = [0.0] + [UNLIKELY] * (k - 1)
    return {
        "messages": row["messages"],
        "logprobs": values + [[-math.log(k)] * k] * after,
        "target_token_ids": ids + [list(range(k))] * after,
    }
