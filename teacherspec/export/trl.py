"""What TRL's trainers read in addition to the model folder: prompts and conversations."""

import json
from pathlib import Path

from teacherspec.export.package_reader import Source
from teacherspec.runtime.atomic_io import replacing, write_text

README = """\
`prompts/<split>.jsonl` (`prompt`: the turns before the answer) is for `DistillationTrainer`, where the
student writes the answers; `messages/<split>.jsonl` (`messages`, the last turn the answer) is for
`GKDTrainer`.

    python -m trl.scripts.distillation --teacher_model_name_or_path PACKAGE/model \\
        --model_name_or_path STUDENT --dataset_name prompts

Both compare distributions over the vocabulary: the student's `config.vocab_size` must be the teacher's.
"""


def export_trl(source: Source, splits: list[str], target: Path) -> None:
    """Write `prompts/` and `messages/`, a JSONL file a split, and a note on how to use them."""
    for split in splits:
        with (
            replacing(target / "prompts" / f"{split}.jsonl") as prompts,
            replacing(target / "messages" / f"{split}.jsonl") as conversations,
            prompts.open("w", encoding="utf-8") as before,
            conversations.open("w", encoding="utf-8") as whole,
        ):
            for row in source.conversations(split):
                for file, key, turns in (
                    (before, "prompt", row["messages"][:-1]),
                    (whole, "messages", row["messages"]),
                ):
                    file.write(json.dumps({"id": row["id"], key: turns}, ensure_ascii=False) + "\n")
    write_text(target / "README.md", README)
