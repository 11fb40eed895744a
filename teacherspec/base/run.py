"""The stage `base`: pin the base, check it against task, data and memory, measure it untrained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.base.baseline import Baseline
from teacherspec.base.classification import baseline as classification
from teacherspec.base.compatibility import measure_fit
from teacherspec.base.generation import baseline as generation
from teacherspec.base.memory_estimate import require_memory
from teacherspec.base.pin import pin, stated_licenses
from teacherspec.base.report import write_report
from teacherspec.base.retrieval import baseline as retrieval
from teacherspec.base.row_faults import refuse_rows
from teacherspec.base.sandboxed_load import ProbeRows, load_in_sandbox
from teacherspec.model_files.gguf.convert import describe
from teacherspec.model_files.manifest import CACHE
from teacherspec.model_files.security_scan import check_folder
from teacherspec.model_files.sources.registry import fetch, fetch_gguf
from teacherspec.runtime.atomic_io import round_floats, write_json, write_text
from teacherspec.spec.base import Base
from teacherspec.splits import check_splits, load_prepared, open_split
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import model_init

BASELINES: Mapping[OutputType, Baseline] = {
    "classification": Baseline(
        classification.measure_baseline, classification.describe_baseline, classification.headline
    ),
    "generation": Baseline(generation.measure_baseline, generation.describe_baseline, generation.headline),
    "retrieval": Baseline(
        retrieval.measure_baseline, retrieval.describe_baseline, retrieval.headline, retrieval.refuse_splits
    ),
}
"""How a base is measured untrained: one entry for each type of output."""


def run_base(task: Kind, base: Base, prepared: Path, output: Path, cache: Path = CACHE) -> dict[str, Any]:
    """Write `manifest.json`, `fit.json` and `report.md` to `output`; return the fit report.

    Nothing is written before every check has passed.

    Args:
        task: the declared task.
        base: `params.yaml: base`.
        prepared: output folder of `prepare`.
        output: `reports/base`.
        cache: where downloaded bases are.

    Raises:
        UserError: the base cannot be fetched, trusted, loaded or fitted, or there is no prepared data.
    """
    data = load_prepared(prepared)
    check_splits(data)
    folder = fetch(base.source, cache)
    contents = check_folder(folder, weights_needed=base.init == "pretrained")
    source = fetch_gguf(base.source, cache)
    manifest = pin(base, folder, contents.files, contents.config, describe(source) if source else None)
    for split in data.splits.values():
        open_split(split)  # the limited child may write nothing
    built = load_in_sandbox(folder, ProbeRows(task, data.splits), init=base.init)
    task.check_base(folder, built)
    refuse_rows(task, folder, data)
    baseline = BASELINES[task.output_type]
    baseline.refuse_splits(task, data)
    require_memory(built, folder)
    fit: dict[str, Any] = round_floats(
        measure_fit(task, folder, model_init(base), data, built, contents.tensors, baseline.measure)
    )
    write_json(output / "fit.json", fit)
    write_text(
        output / "report.md", write_report(task, manifest, fit, stated_licenses(folder), baseline.describe)
    )
    # Written last: its presence shows that the base passed.
    write_json(output / "manifest.json", manifest)
    return fit
