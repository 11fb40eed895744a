"""Evaluation of language models: loss of the given answers, and answers of their own, beside the base's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherspec.evaluate.context import Work, tell
from teacherspec.evaluate.generation.metrics import nll_change, token_quality
from teacherspec.evaluate.generation.page import write_token_page
from teacherspec.evaluate.generation.report import TokenAnalysis, draw, write_tables
from teacherspec.evaluate.generation.text_metrics import Written, is_correct, text_quality
from teacherspec.evaluate.thumbnails import small_pictures
from teacherspec.inference.generation import answer, answer_log_probs, predict_tokens
from teacherspec.predictions.classification import PredictionIndex, save_index
from teacherspec.predictions.generation import (
    OUTPUT_TYPE,
    Answer,
    TokenPredictions,
    save_answers,
    save_token_predictions,
)
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder, sha256_bytes
from teacherspec.spec.generation import Generation
from teacherspec.tasks.shared.conversation_base import Answering
from teacherspec.text.decoding import Decoding, Generated

ANSWERED = ("calibration", "test")
"""Splits with answers of the model's own: one to fit the confidence of answers, one to report it."""

SMALLEST_NLL = 1e-12
"""Nats a token below which the train loss counts as this."""


@dataclass(frozen=True)
class Prompts:
    """Rows to answer: one of each prompt, with everything the split says in answer to it.

    Attributes:
        rows: with the columns of the task.
        references: of each row, those of all rows with the same prompt.
        shown: text of each prompt, without the frame of its rendering.
    """

    rows: Sequence[dict[str, Any]]
    references: Sequence[tuple[str, ...]]
    shown: Sequence[str]


def evaluate_tokens(work: Work) -> str | None:
    """Score every split, answer test prompts with teacher and base; write the waist and the reports.

    Returns:
        Perplexity on the test split, in words; None for a process that only helped to compute.

    Raises:
        UserError: a row cannot be encoded, or the model is broken.
    """
    task, section = work.task, work.section
    if not isinstance(task, Answering):
        raise TypeError(f"{type(task).__name__} does not answer in words")
    options: dict[str, Any] = section.model_dump(include={"confidence", "resamples", "seed"})
    generation = section.generation or Generation()
    scored = _predict(work, task, work.model)
    prompts = {name: gather_prompts(task, work.splits[name], generation.rows) for name in ANSWERED}
    teacher = {name: _answer(work, task, work.model, prompts[name], generation) for name in ANSWERED}
    sampled = _answer(work, task, work.model, prompts["test"], generation, drawn=True)
    log_probs = {name: _log_probs(work, task, prompts[name], teacher[name]) for name in ANSWERED}
    tell("the untrained base on the same rows")
    base, base_processor = work.load_base()
    base_scored = predict_tokens(task, base, base_processor, work.splits["test"], section.batch_size)
    base_answers = {name: _answer(work, task, base, prompts[name], generation) for name in ANSWERED}
    distributed.shutdown()  # what follows is arithmetic, writing, and timing undisturbed
    if not distributed.is_main_process():
        return None

    def judged(answers: Sequence[tuple[Generated, str]]) -> dict[str, Any]:
        written = _written(prompts["test"], answers)
        return text_quality(written, _correct(prompts["test"], answers, generation), generation, **options)

    metrics: dict[str, Any] = {name: token_quality(part, **options) for name, part in scored.items()}
    ratio = metrics["validation"]["nll"]["value"] / max(metrics["train"]["nll"]["value"], SMALLEST_NLL)
    metrics["loss_ratio"] = ratio
    metrics["test"]["generated"] = judged(teacher["test"])
    if sampled:
        metrics["test"]["sampled"] = judged(sampled)
    metrics["base"] = {
        "test": {**token_quality(base_scored, **options), "generated": judged(base_answers["test"])},
        "nll_change": nll_change(scored["test"], base_scored, **options),
    }
    answers = {
        name: _answers(task, prompts[name], teacher[name], base_answers[name], log_probs[name], generation)
        for name in ANSWERED
    }
    _write(work, scored, answers)
    analysis = TokenAnalysis(metrics, scored["test"], _texts(work, task), answers["test"])
    _report(work, analysis, generation)
    return headline(metrics)


def _log_probs(
    work: Work, task: Answering, prompts: Prompts, answers: Sequence[tuple[Generated, str]]
) -> list[Any]:
    """What the model says of its own answers, see `answer_log_probs`."""
    ids = [one for one, _ in answers]
    return list(
        answer_log_probs(task, work.model, work.processor, prompts.rows, ids, work.section.batch_size)
    )


def _answers(
    task: Answering,
    prompts: Prompts,
    teacher: Sequence[tuple[Generated, str]],
    base: Sequence[tuple[Generated, str]],
    log_probs: Sequence[Any],
    generation: Generation,
) -> list[Answer]:
    """The answers of teacher and base to the same prompts, as they are stored."""
    correct = _correct(prompts, teacher, generation)
    return [
        Answer(
            id=str(row["id"]),
            prompt=prompts.shown[at],
            references=prompts.references[at],
            text=text,
            base_text=base[at][1],
            tokens=len(one.ids) + one.stopped,
            stopped=one.stopped,
            correct=correct[at],
            log_prob=log_probs[at],
            pictures=small_pictures(task.row_schema(), row),
        )
        for at, (row, (one, text)) in enumerate(zip(prompts.rows, teacher, strict=True))
    ]


def _texts(work: Work, task: Answering) -> dict[str, tuple[str, str]]:
    """Question and first reference of each test row."""
    return {
        str(row["id"]): (_shown(task, row), task.conversation(row).answers[0]) for row in work.splits["test"]
    }


def _report(work: Work, analysis: TokenAnalysis, generation: Generation) -> None:
    tell("reports")
    write_tables(work.report, analysis)
    draw(work.report, analysis, work.finetuned)
    write_token_page(work.report, analysis, work.section, generation.shown)


def headline(metrics: Mapping[str, Any]) -> str:
    """Perplexity on the test split beside the base's."""
    own, base = (part["perplexity"] for part in (metrics["test"], metrics["base"]["test"]))
    interval = f"{own['value']:.3f} ({own['low']:.3f} to {own['high']:.3f})"
    return f"perplexity {interval} a token of the test answers; {base['value']:.3f} before fine-tuning"


def gather_prompts(task: Answering, rows: Any, most: int) -> Prompts:
    """At most `most` rows of different prompts, spread evenly over a split."""
    first: dict[Any, int] = {}
    references: dict[Any, dict[str, None]] = {}
    for at, row in enumerate(rows):
        conversation = task.conversation(row)
        asked = (conversation.prompt, *(sha256_bytes(image) for image in conversation.images))
        first.setdefault(asked, at)
        references.setdefault(asked, {}).update(dict.fromkeys(conversation.answers))
    keys = list(first)
    chosen = np.unique(np.linspace(0, len(keys) - 1, min(most, len(keys))).round().astype(int))
    picked = [dict(rows[first[keys[at]]]) for at in chosen]
    return Prompts(
        picked, [tuple(references[keys[at]]) for at in chosen], [_shown(task, row) for row in picked]
    )


def _shown(task: Answering, row: Mapping[str, Any]) -> str:
    turns = task.conversation(row).prompt
    if len(turns) == 1:
        return turns[0].content
    return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)


def _predict(work: Work, task: Answering, model: Any) -> dict[str, TokenPredictions]:
    found = {}
    for name, rows in work.splits.items():
        tell(f"{name}, {len(rows)} rows")
        found[name] = predict_tokens(task, model, work.processor, rows, work.section.batch_size)
    return found


def _answer(
    work: Work, task: Answering, model: Any, prompts: Prompts, generation: Generation, drawn: bool = False
) -> list[tuple[Generated, str]]:
    sampling = generation.sampling
    if drawn and sampling is None:
        return []
    decoding = Decoding(generation.max_new_tokens, seed=work.section.seed)
    if drawn and sampling is not None:
        decoding = Decoding(
            generation.max_new_tokens, sampling.temperature, sampling.top_p, seed=work.section.seed
        )
    tell(f"answers to {len(prompts.rows)} prompts{', drawn' if drawn else ''}")
    return answer(task, model, work.processor, prompts.rows, decoding, work.section.batch_size)


def _written(prompts: Prompts, answers: Sequence[tuple[Generated, str]]) -> list[Written]:
    return [
        Written(text.strip(), references, one.ids, one.stopped)
        for references, (one, text) in zip(prompts.references, answers, strict=True)
    ]


def _correct(
    prompts: Prompts, answers: Sequence[tuple[Generated, str]], generation: Generation
) -> list[bool]:
    return [
        is_correct(text, references, generation.extract, str(row["id"]))
        for row, references, (_, text) in zip(prompts.rows, prompts.references, answers, strict=True)
    ]


def _write(
    work: Work, found: Mapping[str, TokenPredictions], answers: Mapping[str, Sequence[Answer]]
) -> None:
    with new_folder(work.output) as folder:
        for name, predictions in found.items():
            save_token_predictions(folder, name, predictions)
        for name, written in answers.items():
            save_answers(folder, name, written)
        roles = {name: split.role for name, split in work.data.splits.items()}
        rows = {name: split.rows for name, split in work.data.splits.items()}
        save_index(folder, PredictionIndex((), roles, rows, OUTPUT_TYPE))
