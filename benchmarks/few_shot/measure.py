"""Base alone, base with examples in the prompt, and teacher on the same test prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.few_shot.shots import pairs_of, task_with_shots, with_shots
from teacherspec.check.run import check
from teacherspec.evaluate.gain import gain
from teacherspec.evaluate.generation.text_metrics import GeneratedText, is_correct, text_gain
from teacherspec.evaluation_rows.prompts import Prompts, gather_prompts
from teacherspec.inference.answers import answer
from teacherspec.inference.generation import Examples, score_examples
from teacherspec.inference.load import load_untrained
from teacherspec.metrics.text_generation import chrf
from teacherspec.model_files.manifest import open_base, pinned_base
from teacherspec.predictions.generation import load_answers, load_token_predictions
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.generation import Generation
from teacherspec.splits import load_prepared, open_split
from teacherspec.tasks.shared.conversation_rows import ConversationRows
from teacherspec.tasks.shared.interfaces.model import model_init
from teacherspec.text.decoding import Decoding
from teacherspec.text.packing import Example

MANIFEST = Path("reports/base/manifest.json")


class Outputs(NamedTuple):
    """Of one model: its greedy answer to each prompt, and the NLL `[N]` of the given answers, nats."""

    texts: Sequence[str]
    nll: npt.NDArray[np.float64]


class Quality(NamedTuple):
    """Of the answers of one model: chrF (0 to 100), exact match (a share), NLL in nats a token."""

    chrf: float
    exact_match: float
    nll: float


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        name: of the teacher.
        prompts: how many were answered.
        shots: examples in a prompt.
        quality: of `base`, `shots` and `teacher`.
        gain: metric → `value`, `low` and `high` of the teacher over the base with examples, paired.
    """

    name: str
    prompts: int
    shots: int
    quality: dict[str, Quality]
    gain: dict[str, dict[str, float]]


def compare(shots: int, seed: int) -> Comparison:
    """The test prompts that `evaluate` answered, answered by the base with train rows before each.

    Args:
        shots: examples in each prompt.
        seed: of their draw.

    Raises:
        UserError: the pipeline was not run in this folder, or its task has no single questions.
    """
    spec = check(Path("params.yaml"))
    task, section = spec.task.require(ConversationRows), spec.evaluate
    generation = section.generation or Generation()
    splits = load_prepared(Path("artifacts/prepare")).splits
    base = pinned_base(MANIFEST)
    model, processor = load_untrained(task, open_base(MANIFEST), (), model_init(base))
    asked = task_with_shots(task, model.config.get_text_config().max_position_embeddings)

    prompts = gather_prompts(task, open_split(splits["test"]), generation.rows)
    rows = with_shots(prompts.rows, pairs_of(task, list(open_split(splits["train"]))), shots, seed)
    written = answer(asked, model, processor, rows, Decoding(generation.max_new_tokens), section.batch_size)
    stored = load_answers(Path("artifacts/evaluate"), "test")
    scored = load_token_predictions(Path("artifacts/evaluate"), "test")

    def nll(given: Sequence[dict[str, Any]]) -> npt.NDArray[np.float64]:
        return nll_of_answers(asked, (model, processor), given, section.batch_size)

    outputs = {
        "base": Outputs([one.base_text for one in stored], nll(prompts.rows)),
        "shots": Outputs([text for _, text in written], nll(rows)),
        "teacher": Outputs(
            [one.text for one in stored], np.bincount(scored.row, weights=scored.nll())[prompts.numbers]
        ),
    }
    quality, found = measure(prompts, scored.tokens[prompts.numbers], outputs, section)
    return Comparison(spec.package.name, len(rows), shots, quality, found)


def nll_of_answers(
    task: ConversationRows, base: tuple[Any, Any], rows: Sequence[dict[str, Any]], batch_size: int
) -> npt.NDArray[np.float64]:
    """NLL `[N]` of the first given answer of each row after its prompt, nats; earlier turns are not scored.

    Args:
        task: whose `max_length` also holds the examples.
        base: the model in eval mode, and its processor.
        rows: with the columns of the task.
        batch_size: rows of one forward pass.
    """
    model, processor = base
    encoder, examples = task.encoder(processor), []
    for row in rows:
        whole = encoder.encode(task.conversation(row))
        start = whole.answer_start
        examples.append(Example(whole.input_ids, [0] * start + whole.supervised[start:]))
    encoded = Examples([one._asdict() for one in examples], examples, [str(row["id"]) for row in rows])
    found = score_examples(task, model, processor, encoded, batch_size)
    return np.bincount(found.row, weights=found.nll())


def measure(
    prompts: Prompts, tokens: npt.NDArray[np.int64], outputs: Mapping[str, Outputs], section: Evaluate
) -> tuple[dict[str, Quality], dict[str, dict[str, float]]]:
    """Quality of each model, and the gain of `teacher` over `shots`, as `evaluate` measures them.

    Args:
        prompts: N, answered.
        tokens: `[N]` of the given answers.
        outputs: of `base`, `shots` and `teacher`.
        section: the declared metrics and intervals.
    """
    extract = (section.generation or Generation()).extract
    intervals = section.model_dump(include={"confidence", "resamples", "seed"})
    references = prompts.references
    correct = {
        name: [
            is_correct(text, given, extract, str(row["id"]))
            for text, given, row in zip(one.texts, references, prompts.rows, strict=True)
        ]
        for name, one in outputs.items()
    }
    texts = {name: [text.strip() for text in one.texts] for name, one in outputs.items()}
    quality = {
        name: Quality(
            chrf(texts[name], references).score,
            float(np.mean(correct[name])),
            float(one.nll.sum() / tokens.sum()),
        )
        for name, one in outputs.items()
    }
    own, other = (
        [
            GeneratedText(text, given, (), stopped=True)
            for text, given in zip(texts[name], references, strict=True)
        ]
        for name in ("teacher", "shots")
    )
    found = text_gain(own, other, (correct["teacher"], correct["shots"]), **intervals)
    less = outputs["shots"].nll - outputs["teacher"].nll
    return quality, {**found, **gain({"nll": less}, tokens, **intervals)}
