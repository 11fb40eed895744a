"""The stage `base`: pin the base, check it against task, data and memory, measure it untrained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.base.baseline import Baseline
from teacherspec.base.candidates.choose import choose_base
from teacherspec.base.checked_base import check_base
from teacherspec.base.classification import baseline as classification
from teacherspec.base.classification import candidate_scores as classification_scores
from teacherspec.base.compatibility import measure_fit
from teacherspec.base.generation import baseline as generation
from teacherspec.base.generation import candidate_scores as generation_scores
from teacherspec.base.multi_label import baseline as multi_label
from teacherspec.base.multi_label import candidate_scores as multi_label_scores
from teacherspec.base.regression import baseline as regression
from teacherspec.base.regression import candidate_scores as regression_scores
from teacherspec.base.report import write_report
from teacherspec.base.retrieval import baseline as retrieval
from teacherspec.base.retrieval import candidate_scores as retrieval_scores
from teacherspec.base.tagging import baseline as tagging
from teacherspec.base.tagging import candidate_scores as tagging_scores
from teacherspec.model_files.manifest import CACHE
from teacherspec.runtime.atomic_io import round_floats, write_json, write_text
from teacherspec.spec.base import Base
from teacherspec.spec.base_candidates import BaseCandidates
from teacherspec.splits import check_splits, load_prepared, open_split
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import model_init

BASELINES: Mapping[OutputType, Baseline] = {
    "classification": Baseline(
        measure=classification.measure_baseline,
        describe=classification.describe_baseline,
        scores=classification_scores.candidate_scores,
        headline=classification.headline,
    ),
    "generation": Baseline(
        measure=generation.measure_baseline,
        describe=generation.describe_baseline,
        scores=generation_scores.candidate_scores,
        headline=generation.headline,
    ),
    "multi_label": Baseline(
        measure=multi_label.measure_baseline,
        describe=multi_label.describe_baseline,
        scores=multi_label_scores.candidate_scores,
        headline=multi_label.headline,
    ),
    "regression": Baseline(
        measure=regression.measure_baseline,
        describe=regression.describe_baseline,
        scores=regression_scores.candidate_scores,
        headline=regression.headline,
    ),
    "retrieval": Baseline(
        measure=retrieval.measure_baseline,
        describe=retrieval.describe_baseline,
        scores=retrieval_scores.candidate_scores,
        headline=retrieval.headline,
        refuse_splits=retrieval.refuse_splits,
    ),
    "tagging": Baseline(
        measure=tagging.measure_baseline,
        describe=tagging.describe_baseline,
        scores=tagging_scores.candidate_scores,
        headline=tagging.headline,
    ),
}
"""How a base is measured untrained: one entry for each type of output."""


def run_base(
    task: Kind, declared: Base | BaseCandidates, prepared: Path, output: Path, cache: Path = CACHE
) -> dict[str, Any]:
    """Write `manifest.json`, `fit.json`, `candidates.json` and `report.md`; return the fit report.

    Nothing is written before every check has passed. Manifest and fit are of the chosen base alone, so that
    later stages are stale when another one is chosen, and not when another loses; the manifest holds no
    number that was measured. `candidates.json` is empty where one base is declared.

    Args:
        task: the declared task.
        declared: `params.yaml: base`.
        prepared: output folder of `prepare`.
        output: `reports/base`.
        cache: where downloaded bases are.

    Raises:
        UserError: the base cannot be fetched, trusted, loaded or fitted, or there is no prepared data.
    """
    data = load_prepared(prepared)
    check_splits(data)
    baseline = BASELINES[task.output_type]
    baseline.refuse_splits(task, data)
    for split in data.splits.values():
        open_split(split)  # the limited child may write nothing
    if isinstance(declared, BaseCandidates):
        checked, comparison = choose_base(task, declared, data, cache, baseline.scores)
        candidates = round_floats(comparison.summary())
    else:
        checked, candidates = check_base(task, declared, data, cache), {}
    measured_fit = measure_fit(
        task, checked.folder, model_init(checked.base), data, checked.built, checked.contents.tensors,
        baseline.measure,
    )  # fmt: skip
    fit: dict[str, Any] = round_floats(measured_fit)
    write_json(output / "fit.json", fit)
    write_json(output / "candidates.json", candidates)
    write_text(
        output / "report.md",
        write_report(task, checked.manifest, fit, candidates, checked.stated_licenses, baseline.describe),
    )
    # Written last: its presence shows that the base passed.
    write_json(output / "manifest.json", checked.manifest)
    return fit
