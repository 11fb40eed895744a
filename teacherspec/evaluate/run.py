"""The stage `evaluate`: the last that runs the model for measurement."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.evaluate.classification.evaluate import evaluate_classification
from teacherspec.evaluate.context import EvaluationContext, Paths, log_progress
from teacherspec.evaluate.generation.evaluate import evaluate_generation
from teacherspec.evaluate.latency import measure_latency
from teacherspec.evaluate.multi_label.evaluate import evaluate_multi_label
from teacherspec.evaluate.regression.evaluate import evaluate_regression
from teacherspec.evaluate.retrieval.evaluate import evaluate_retrieval
from teacherspec.evaluate.tagging.evaluate import evaluate_tagging
from teacherspec.inference.load import load_model, load_untrained
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import write_json
from teacherspec.runtime.device_placement import fits_each
from teacherspec.spec.base import Base
from teacherspec.spec.evaluate import Evaluate
from teacherspec.splits import check_splits, load_prepared
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit, model_init

OUTPUT_TYPES: Mapping[OutputType, Callable[[EvaluationContext], str | None]] = {
    "classification": evaluate_classification,
    "generation": evaluate_generation,
    "multi_label": evaluate_multi_label,
    "regression": evaluate_regression,
    "retrieval": evaluate_retrieval,
    "tagging": evaluate_tagging,
}
"""Type of output → predicts every split, writes predictions and reports, and returns the headline."""


def run_evaluate(
    task: Kind,
    section: Evaluate,
    paths: Paths,
    open_base: Callable[[], Path],
    base: Base | None = None,
) -> str | None:
    """Predict every split once and report quality.

    Args:
        task: the declared task.
        section: `params.yaml: evaluate`.
        paths: where to read and write.
        open_base: returns the verified folder of the base, with which the teacher is compared.
        base: how it is declared; None takes it as it is.

    Returns:
        The headline numbers in a line; None in a process that only helped to compute.

    Raises:
        UserError: a split that the numbers need is missing, or the model does not fit the splits.
    """
    data = load_prepared(paths.prepared)
    check_splits(data)
    distributed.init()
    if not (fits_each(paths.finetuned / "model") or distributed.leave_group()):
        return None
    model, processor = load_model(task, paths.finetuned / "model")
    processor = task.cache_shared_inputs(model, processor)

    def load_base() -> tuple[Any, Any]:
        folder = distributed.broadcast(open_base() if distributed.is_main_process() else Path())
        return load_untrained(
            task, folder, data.label_names, ModelInit() if base is None else model_init(base)
        )

    context = EvaluationContext(task, section, data, paths, (model, processor), load_base)
    headline = OUTPUT_TYPES[task.output_type](context)
    if headline is None:
        return None
    log_progress("latency")
    test, rows = context.splits["test"], section.latency_examples
    write_json(paths.timing, measure_latency(task, model, processor, test, rows, section.batch_size))
    return headline
