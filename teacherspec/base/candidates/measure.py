"""One candidate, measured as it is: size, memory, operations, and the scores that rank it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teacherspec.base.baseline import MeasureScores
from teacherspec.base.candidates.scores import Scores
from teacherspec.base.checked_base import CheckedBase
from teacherspec.base.compatibility import FIT_ROWS, forward_pass
from teacherspec.base.memory_estimate import memory_plan
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.spec.base_candidates import BaseChoice
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import model_init

if TYPE_CHECKING:
    from datasets import Dataset

MEBIBYTE = 1 << 20
GIGA = 1e9
COUNTED_ROWS = 32
"""Validation rows on which the operations of a forward pass are counted."""


@dataclass(frozen=True)
class MeasuredCandidate:
    """A candidate as it is.

    Attributes:
        parameters: the new head included.
        training_mib: memory of full fine-tuning with one example, MiB.
        gflops: 10^9 floating-point operations of a forward pass, on average over validation rows.
        excluded: the declared limits that it exceeds, in words.
        scores: what it is ranked by; None where it is excluded.
    """

    parameters: int
    training_mib: float
    gflops: float
    excluded: tuple[str, ...]
    scores: Scores | None


def measure_candidate(
    task: Kind, checked: CheckedBase, prepared: Prepared, choice: BaseChoice, measure_scores: MeasureScores
) -> MeasuredCandidate:
    """Load a candidate with a new head and measure it; the same numbers on every run.

    Test rows are never read: the choice is a part of the training.

    Args:
        task: the declared task.
        checked: the candidate.
        prepared: the prepared splits.
        choice: limits; a candidate that exceeds one gets no scores.
        measure_scores: of the type of output.

    Raises:
        BaseModelError: it does not load for this task, or gives values that are not finite.
    """
    import torch

    torch.manual_seed(SEED)
    model, processor = task.load_base(checked.folder, prepared.label_names, model_init(checked.base))
    train, validation = (
        sample(open_split(prepared.splits[name]), FIT_ROWS, SEED) for name in ("train", "validation")
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    probe = task.memory_probe(processor, train)
    plan = memory_plan(parameters, forward_pass(task, model, probe, checked.folder), probe)
    training = plan["full_without_activations"] + plan["activations_per_example"]
    gflops = mean_gflops(task, model, processor, validation)
    excluded = tuple(_exceeded(choice, parameters, training / MEBIBYTE, gflops))
    scores = None if excluded else measure_scores(task, model, processor, train, validation)
    return MeasuredCandidate(parameters, training / MEBIBYTE, gflops, excluded, scores)


def mean_gflops(task: Kind, model: Any, processor: Any, rows: "Dataset") -> float:
    """10^9 floating-point operations of a forward pass of one row, on average over the first rows.

    A product and a sum count as two. Counted instead of timed: times differ between machines and runs, and
    the choice of a base must not.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

    def attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:  # noqa: ARG001
        operations: int = sdpa_flop_count(query, key, value)  # type: ignore[no-untyped-call]
        return operations

    # torch counts the attention kernels of accelerators only.
    kernels = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}
    counted = rows.select(range(min(len(rows), COUNTED_ROWS)))
    counter = FlopCounterMode(display=False, custom_mapping=kernels)
    with torch.no_grad(), counter:
        for row in counted:
            task.logits(model, task.batch(processor, [dict(row)]))
    return float(counter.get_total_flops() / len(counted) / GIGA)


def _exceeded(choice: BaseChoice, parameters: int, training_mib: float, gflops: float) -> Iterator[str]:
    limits = (
        ("max_parameters", choice.max_parameters, parameters, "{:,.0f}"),
        ("max_training_mib", choice.max_training_mib, training_mib, "{:,.0f}"),
        ("max_gflops", choice.max_gflops, gflops, "{:,.3g}"),
    )
    for key, most, given, form in limits:
        if most is not None and given > most:
            yield f"{form.format(given)} is more than base.choice.{key}: {form.format(most)}"
