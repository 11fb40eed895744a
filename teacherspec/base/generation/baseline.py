"""How well a language model predicts and answers before fine-tuning."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.answers import answer
from teacherspec.inference.generation import predict_tokens
from teacherspec.metrics.scores.intervals import bootstrap, interval_of
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.decoding import Decoding

if TYPE_CHECKING:
    from datasets import Dataset

SCORED_ROWS = 500
SCORED_AT_ONCE = 8
ANSWERED_ROWS = 3
LOOKED_AT = 200
"""Rows among which those with different prompts are looked for."""

GREEDY = Decoding(max_new_tokens=64)
DRAWN = Decoding(max_new_tokens=64, temperature=0.7, top_p=0.9, seed=SEED)


def measure_baseline(
    task: GenerationTask, model: Any, tokenizer: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Perplexity on validation answers with its interval over rows, and some answers of its own.

    Args:
        task: the declared task.
        model: the base.
        tokenizer: of the base.
        train: only counted.
        validation: the rows that are scored and answered.
    """
    rows = sample(validation, SCORED_ROWS, SEED)
    found = predict_tokens(task, model, tokenizer, rows, SCORED_AT_ONCE)
    sums = np.bincount(found.row, weights=found.nll(), minlength=len(rows))
    draws = bootstrap(lambda chosen: sums[chosen].sum() / found.tokens[chosen].sum(), len(rows), seed=SEED)
    nll = interval_of(float(draws.observed), draws.resampled)
    # Data sets with several references have a row for each; one of them is shown.
    asked = {str(task.conversation(row).prompt): row for row in rows.select(range(min(len(rows), LOOKED_AT)))}
    prompts = [dict(row) for row in list(asked.values())[:ANSWERED_ROWS]]
    greedy, drawn = (
        answer(task, model, tokenizer, prompts, decoding, SCORED_AT_ONCE) for decoding in (GREEDY, DRAWN)
    )
    return {
        "train_rows": len(train),
        "measured_on": len(rows),
        "tokens": int(found.tokens.sum()),
        "nll": asdict(nll),
        "perplexity": float(np.exp(nll.value)),
        "accuracy": float(found.hit.mean()),
        "answers": [
            {
                "prompt": task.conversation(row).prompt[-1].content,
                "reference": task.reply(task.conversation(row).answers[0]),
                "greedy": one[1],
                "drawn": other[1],
            }
            for row, one, other in zip(prompts, greedy, drawn, strict=True)
        ],
    }


def describe_baseline(untrained: Mapping[str, Any]) -> Iterator[str]:
    """The numbers, and the answers side by side."""
    nll = untrained["nll"]
    yield "## Untrained\n"
    yield (
        f"Perplexity {untrained['perplexity']:.3f} a token of {untrained['measured_on']} validation answers "
        f"(NLL {nll['value']:.3f} nats, {nll['low']:.3f} to {nll['high']:.3f}); its first choice is right "
        f"for {untrained['accuracy']:.1%} of {untrained['tokens']} tokens. Fine-tuning must beat this.\n"
    )
    yield f"Drawn at temperature {DRAWN.temperature}, top-p {DRAWN.top_p}.\n"
    for shown in untrained["answers"]:
        yield from (f"    {name}: {' '.join(text.split())[:300]}" for name, text in shown.items())
        yield ""


def headline(untrained: Mapping[str, Any]) -> str:
    """The perplexity to beat."""
    return f"untrained perplexity {untrained['perplexity']:.3f} a token of validation answers"
