"""Whether the declared student can learn from this teacher, compared in a child process with limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from teacherspec.check_rows.student_files import student_folder
from teacherspec.check_rows.tokenizer_comparison import Difference, Side, differences
from teacherspec.errors import BaseModelError
from teacherspec.model_files.manifest import open_base
from teacherspec.model_files.sources.download_cache import hash_files
from teacherspec.runtime.atomic_io import encode_json, read_json, sha256_bytes
from teacherspec.runtime.bounded_child import Limits, run_bounded
from teacherspec.spec.base import HubModelSource, PathModelSource
from teacherspec.spec.student import Student
from teacherspec.splits import Split, open_split
from teacherspec.tasks.shared.generation_task import GenerationTask

ROWS = 64
"""Rows of `train`, evenly spread, whose texts are compared."""

ONLINE = "The stored distributions over tokens, and the teacher online (TRL's DistillationTrainer, GKD)."
AS_TEXT = (
    "The teacher's answers as text, by supervised fine-tuning on them (sequence-level distillation, Kim and "
    "Rush 2016): `teacherspec export --to trl`."
)
GOLD = (
    "Distributions across tokenizers by TRL's GOLD, which runs the teacher online; both tokenizers are "
    "byte-level, as it needs."
)
NO_GOLD = (
    "Not TRL's GOLD, which compares distributions across byte-level tokenizers only: one of these is not."
)
NOT_STORED = "Not the stored `token_ids` and `top_values`, which name tokens of the teacher."

LIMITS = Limits(cpu_seconds=120, memory_bytes=4 << 30, wall_seconds=900)


@dataclass(frozen=True)
class Request:
    """What is compared.

    Attributes:
        task: the declared task.
        teacher: folder of the base.
        student: folder of the student's tokenizer and settings.
        rows: some rows of `train`.
        width: rows of the teacher's embedding as packaged.
    """

    task: GenerationTask
    teacher: Path
    student: Path
    rows: Sequence[Mapping[str, Any]]
    width: int


def compare_student(
    task: GenerationTask,
    student: Student,
    train: Split,
    manifest: Path,
    width: int,
    *,
    key: str = "package.student",
) -> dict[str, Any]:
    """The report on the student, as metadata and card state it.

    Args:
        task: the declared task.
        student: as declared.
        train: its rows are compared as texts.
        manifest: of the base.
        width: rows of the teacher's embedding, that of the student's targets.
        key: where the student is declared, for messages.

    Raises:
        BaseModelError: base or student cannot be read.
    """
    folder = student_folder(student.source, key)
    rows = open_split(train)
    places = np.unique(np.linspace(0, len(rows) - 1, ROWS).round().astype(int))
    chosen = [dict(rows[int(at)]) for at in places]
    request = Request(task, open_base(manifest).resolve(), folder.resolve(), chosen, width)
    outcome = run_bounded(compared, request, LIMITS)
    if outcome.failure is not None:
        raise BaseModelError(f"{key}: its tokenizer cannot be compared: {outcome.failure}")
    (found,) = outcome.messages
    return {
        "source": _public(student.source),
        "learns": student.learns,
        "files": hash_files(folder),
        **found,
    }


def compared(request: Request) -> Iterator[dict[str, Any]]:
    """In the child: architecture, vocabulary, differences, and what a student can be given."""
    from transformers import AutoTokenizer

    from teacherspec.tasks.shared.hf_loading import SAFE

    task = request.task
    processor = task.load_base_processor(request.teacher)
    tokenizer, encoder = task.tokenizer(processor), task.encoder(processor)
    teacher = Side(tokenizer, request.width, None, frozenset({encoder.stop_id}))
    config = read_json(request.student / "config.json")
    own = AutoTokenizer.from_pretrained(request.student, **SAFE)
    student = Side(own, _rows(config), _context(config), _ends(request.student, config, own))
    conversations = [task.conversation(row) for row in request.rows]
    texts = [turn.content for one in conversations for turn in one.turns()]
    dialogues = []
    if tokenizer.chat_template and not task.image_columns:
        dialogues = [[{"role": t.role, "content": t.content} for t in one.prompt] for one in conversations]
    found = differences(teacher, student, texts, dialogues)
    if student.context is not None and student.context < task.max_length:
        found.append(
            Difference(
                "context",
                f"the student reads {student.context} tokens, the teacher up to {task.max_length}",
                "long rows are cut, or fail in training",
                f"declare `task.max_length: {student.context}` or leave long rows out",
                False,
            )
        )
    yield {
        "architecture": str(config.get("model_type", "")),
        "vocabulary": {
            "rows": student.rows,
            "tokens": len(own.get_vocab()),
            "sha256": sha256_bytes(encode_json(own.get_vocab()).encode()),
        },
        "differences": [one._asdict() for one in found],
        "possible": possible(found, all(map(_is_byte_level, (tokenizer, own)))),
    }


def possible(found: Sequence[Difference], byte_level: bool) -> list[str]:
    """What this student can learn from the package, one sentence each."""
    blocking = [one for one in found if one.blocks]
    if not blocking:
        return [ONLINE]
    if {one.name for one in blocking} == {"width of the logits"}:
        return [f"Distributions over tokens, after one change: {blocking[0].remedy}."]
    return [AS_TEXT, GOLD if byte_level else NO_GOLD, NOT_STORED]


def _public(source: HubModelSource | PathModelSource) -> dict[str, object]:
    """Where the student is; a folder outside the repository by its name alone: its place is private."""
    pin = source.pin()
    if isinstance(source, PathModelSource) and source.outside_repository:
        pin["folder"] = PurePosixPath(source.folder).name
    return pin


def student_problems(report: Mapping[str, Any], key: str = "package.student") -> Iterator[str]:
    """What prevents a student from learning the distributions that it is declared to learn."""
    if report["learns"] == "logits":
        for one in report["differences"]:
            if one["blocks"]:
                yield f"{key}: {one['name']}: {one['what']}: {one['breaks']}; {one['remedy']}"


def _rows(config: Mapping[str, Any]) -> int:
    rows = config.get("vocab_size", config.get("text_config", {}).get("vocab_size"))
    if not isinstance(rows, int):
        raise ValueError("config.json states no vocab_size")
    return rows


def _context(config: Mapping[str, Any]) -> int | None:
    text = config.get("text_config", config)
    found = [
        text[key] for key in ("max_position_embeddings", "n_positions") if isinstance(text.get(key), int)
    ]
    return min(found, default=None)


def _ends(folder: Path, config: Mapping[str, Any], tokenizer: Any) -> frozenset[int]:
    """Ids with which generation ends: of its settings, else of the config, else of the tokenizer."""
    settings = folder / "generation_config.json"
    given = read_json(settings).get("eos_token_id") if settings.is_file() else None
    given = config.get("eos_token_id") if given is None else given
    given = tokenizer.eos_token_id if given is None else given
    return frozenset(given if isinstance(given, list) else [] if given is None else [given])


def _is_byte_level(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and '"ByteLevel"' in backend.to_str()
