"""Evaluation of generation: loss of the given answers, and generated answers, compared with the base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from teacherspec.evaluate.common_report import write_metrics
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.generation.findings import all_findings
from teacherspec.evaluate.generation.metrics import token_gain, token_quality
from teacherspec.evaluate.generation.report import GenerationAnalysis, write_plots
from teacherspec.evaluate.generation.text_metrics import GeneratedText, is_correct, text_gain, text_quality
from teacherspec.evaluate.seeds import SeedScore, score_seeds, seed_findings, seed_metrics, write_seeds
from teacherspec.evaluation_rows.prompts import (
    ANSWERED,
    Prompts,
    gather_prompts,
    prompt_numbers,
    prompt_text,
)
from teacherspec.evaluation_rows.row_images import rating_images
from teacherspec.inference.answers import answer, answer_examples, answer_log_probs
from teacherspec.inference.generation import predict_tokens, predict_top_k
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.predictions.generation import (
    OUTPUT_TYPE,
    Answer,
    TokenPredictions,
    save_answers,
    save_token_predictions,
)
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.top_k_tokens import TopKTokens, save_top_k, save_vocabulary
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder
from teacherspec.spec.generation import Generation
from teacherspec.splits import UNLABELLED
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.decoding import Decoding, Generated
from teacherspec.text.packing import Example

Generations = Sequence[tuple[Generated, str]]
"""Token ids and text of each answer."""


@dataclass(frozen=True)
class Outputs:
    """What the teacher and its base output.

    Attributes:
        scored: split name → the teacher's token predictions.
        base_scored: the same of the base, of the sets that are reported.
        prompts: split name → its prompts.
        greedy: split name → the teacher's greedy answers.
        base_greedy: the same of the base.
        sampled: the teacher's sampled answers to the test prompts; empty where none are declared.
        answered: split name → prompts with the teacher's greedy answers as tokens.
        log_probs: split name → log-probabilities of these answers, see `answer_log_probs`.
        seeds: scores of the model of each seed; empty for one training.
        top_k: split name → the likeliest tokens; empty where none are declared.
    """

    scored: Mapping[str, TokenPredictions]
    base_scored: Mapping[str, TokenPredictions]
    prompts: Mapping[str, Prompts]
    greedy: Mapping[str, Generations]
    base_greedy: Mapping[str, Generations]
    sampled: Generations
    answered: Mapping[str, Sequence[Example]]
    log_probs: Mapping[str, Sequence[tuple[float, ...]]]
    seeds: Sequence[SeedScore]
    top_k: Mapping[str, TopKTokens]


def evaluate_generation(context: EvaluationContext) -> str | None:
    """Score every split, answer prompts with teacher and base; write predictions and reports.

    Returns:
        The headline: perplexity on the test split; None in a process that only helped to compute.

    Raises:
        UserError: a row cannot be encoded, or the model is broken.
    """
    task = context.task.require(GenerationTask)
    generation = context.section.generation or Generation()
    outputs = _run_inference(context, task, generation)
    distributed.shutdown()  # what follows is arithmetic, writing, and timing without other processes
    if not distributed.is_main_process():
        return None
    metrics = _measure(context, outputs, generation)
    answers = {name: _answers(task, outputs, name, generation) for name in ANSWERED}
    _write_predictions(context, outputs, answers)
    log_progress("reports")
    texts = {
        str(row["id"]): (prompt_text(task, row), task.reply(task.conversation(row).answers[0]))
        for row in context.splits["test"]
    }
    findings = [*all_findings(metrics), *seed_findings(metrics, outputs.seeds, "its untrained base")]
    analysis = GenerationAnalysis(metrics, findings, outputs.scored["test"], texts, answers["test"])
    write_metrics(context.paths.report, metrics, analysis.findings)
    write_plots(context.paths, analysis)
    return headline(metrics)


def _run_inference(context: EvaluationContext, task: GenerationTask, generation: Generation) -> Outputs:
    """Everything that needs a model."""
    splits, batch_size = context.splits, context.section.batch_size
    scored, top_k, k = {}, {}, context.section.top_k
    for name, rows in splits.items():
        log_progress(f"{name}, {len(rows)} rows")
        if k is None:
            scored[name] = predict_tokens(task, *context.teacher, rows, batch_size)
        else:
            scored[name], top_k[name] = predict_top_k(task, *context.teacher, rows, batch_size, k)
        scored[name] = replace(scored[name], prompt=prompt_numbers(task, rows))
    prompts = {name: gather_prompts(task, splits[name], generation.rows) for name in ANSWERED}
    greedy = Decoding(generation.max_new_tokens, seed=context.section.seed)

    def answers(loaded: tuple[Any, Any], name: str, decoding: Decoding) -> Generations:
        log_progress(f"answers to {len(prompts[name].rows)} prompts")
        return answer(task, *loaded, prompts[name].rows, decoding, batch_size)

    teacher = {name: answers(context.teacher, name, greedy) for name in ANSWERED}
    sampled: Generations = []
    if (sampling := generation.sampling) is not None:
        drawn = Decoding(
            generation.max_new_tokens, sampling.temperature, sampling.top_p, seed=context.section.seed
        )
        sampled = answers(context.teacher, "test", drawn)
    answered, log_probs = {}, {}
    for name in ANSWERED:
        given = prompts[name].rows
        answered[name] = answer_examples(task, context.teacher[1], given, [one for one, _ in teacher[name]])
        log_probs[name] = list(answer_log_probs(task, *context.teacher, given, answered[name], batch_size))
    seeds = score_seeds(
        context,
        scored,
        lambda loaded, rows: predict_tokens(task, *loaded, rows, batch_size),
        lambda _, found: (float(found.hit.mean()), float(found.nll().mean())),
    )
    log_progress("the untrained base on the same rows")
    base = context.load_base()
    reported = ["test", *(split.name for split in context.data.of_role("shifted"))]
    base_scored = {
        name: replace(predict_tokens(task, *base, splits[name], batch_size), prompt=scored[name].prompt)
        for name in reported
    }
    base_greedy = {name: answers(base, name, greedy) for name in ANSWERED}
    return Outputs(
        scored, base_scored, prompts, teacher, base_greedy, sampled, answered, log_probs, seeds, top_k
    )


def _measure(context: EvaluationContext, outputs: Outputs, generation: Generation) -> dict[str, Any]:
    """Content of `metrics.json`, not rounded."""
    options, prompts = context.intervals, outputs.prompts["test"]

    def texts(answers: Generations) -> list[GeneratedText]:
        return [
            GeneratedText(text.strip(), references, one.ids, one.stopped)
            for references, (one, text) in zip(prompts.references, answers, strict=True)
        ]

    def measured(answers: Generations) -> dict[str, Any]:
        correct = _correct(prompts, answers, generation)
        return text_quality(texts(answers), correct, generation, **options)

    unmeasured = {one.name: {"rows": one.rows} for one in context.data.of_role(*UNLABELLED)}
    metrics: dict[str, Any] = {
        name: unmeasured.get(name) or token_quality(part, **options) for name, part in outputs.scored.items()
    }
    metrics["loss_ratio"] = loss_ratio(*(metrics[name]["nll"]["value"] for name in ("validation", "train")))
    metrics["test"]["generated"] = measured(outputs.greedy["test"])
    if outputs.sampled:
        metrics["test"]["sampled"] = measured(outputs.sampled)
    metrics["base"] = {name: token_quality(part, **options) for name, part in outputs.base_scored.items()}
    metrics["base"]["test"]["generated"] = measured(outputs.base_greedy["test"])
    metrics["gain"] = {
        name: token_gain(outputs.scored[name], part, **options) for name, part in outputs.base_scored.items()
    }
    own, base = outputs.greedy["test"], outputs.base_greedy["test"]
    correct = _correct(prompts, own, generation), _correct(prompts, base, generation)
    metrics["gain"]["test"]["generated"] = text_gain(texts(own), texts(base), correct, **options)
    return metrics | seed_metrics(outputs.seeds, context.section.confidence)


def _answers(task: GenerationTask, outputs: Outputs, name: str, generation: Generation) -> list[Answer]:
    """The greedy answers of teacher and base to the prompts of a split, as they are stored."""
    prompts, schema = outputs.prompts[name], task.row_schema()
    correct = _correct(prompts, outputs.greedy[name], generation)
    return [
        Answer(
            id=str(row["id"]),
            prompt=prompts.texts[at],
            references=prompts.references[at],
            text=text,
            base_text=outputs.base_greedy[name][at][1],
            tokens=len(one.ids) + one.stopped,
            stopped=one.stopped,
            correct=correct[at],
            log_prob=outputs.log_probs[name][at],
            pictures=rating_images(schema, row),
            input_ids=tuple(outputs.answered[name][at].input_ids),
        )
        for at, (row, (one, text)) in enumerate(zip(prompts.rows, outputs.greedy[name], strict=True))
    ]


def _correct(prompts: Prompts, answers: Generations, generation: Generation) -> list[bool]:
    return [
        is_correct(text, references, generation.extract, str(row["id"]))
        for row, references, (_, text) in zip(prompts.rows, prompts.references, answers, strict=True)
    ]


def headline(metrics: Mapping[str, Any]) -> str:
    """Perplexity on the test split, of the teacher and of its base."""
    own, base = (part["perplexity"] for part in (metrics["test"], metrics["base"]["test"]))
    interval = f"{own['value']:.3f} ({own['low']:.3f} to {own['high']:.3f})"
    return f"perplexity {interval} a token of the test answers; {base['value']:.3f} before fine-tuning"


def _write_predictions(
    context: EvaluationContext, outputs: Outputs, answers: Mapping[str, Sequence[Answer]]
) -> None:
    """Predictions of every split, generated answers, scores of each seed, and the index last."""
    with new_folder(context.paths.output) as folder:
        write_seeds(folder, outputs.seeds)
        for name, predictions in outputs.scored.items():
            save_token_predictions(folder, name, predictions)
        for name, tokens in outputs.top_k.items():
            save_top_k(folder, name, tokens)
        if outputs.top_k:
            save_vocabulary(folder, int(context.teacher[0].config.get_text_config().vocab_size))
        for name, written in answers.items():
            save_answers(folder, name, written)
        roles = {name: split.role for name, split in context.data.splits.items()}
        rows = {name: split.rows for name, split in context.data.splits.items()}
        save_index(folder, PredictionIndex((), roles, rows, OUTPUT_TYPE))
