"""Whether the parts of a package agree: vocabulary, digests, verdict, numbers, calibration."""

from collections.abc import Callable, Iterator, Mapping

from teacherspec.package.card.readiness import as_json
from teacherspec.package.provenance.provenance import digest
from teacherspec.package.quality_gates import evaluate_gates, find
from teacherspec.package.stage_outputs import CLASSES, read_classes
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.runtime.atomic_io import encode_json, read_json
from teacherspec.splits import UNLABELLED

PICTURE_PIXELS = 1 << 25
PNG_END = b"IEND\xaeB`\x82"

NLL_TOLERANCE = 1e-5
"""Reports are rounded to six decimals."""


def check_vocabulary(opened: OpenedPackage) -> Iterator[str]:
    """The vocabulary of the packaged tokenizer is the stated one."""
    stated = opened.metadata.vocabulary
    if vocabulary(opened.folder / "model") != (stated and stated.model_dump()):
        yield "metadata.json: vocabulary is not that of model/tokenizer.json and model/config.json"


def check_digests(opened: OpenedPackage) -> Iterator[str]:
    """The digests follow from the files that they are of."""
    folder = opened.folder / "provenance"
    written, base = read_json(folder / "digests.json"), read_json(folder / "base.json")
    data = {name: split.sha256 for name, split in opened.metadata.splits.items()}
    predictions = written["predictions"]
    parts = {"spec": opened.spec, "data": data, "base": base["files"], "predictions": predictions}
    stated = opened.metadata.digests.model_dump()
    for name, part in parts.items():
        if not digest(part) == stated[name] == written["digests"][name]:
            yield f"provenance: the digest of {name} is not that of its content"
    if written["data"] != data:
        yield "provenance/digests.json: data differs from the splits of metadata.json"


def check_verdict(opened: OpenedPackage) -> Iterator[str]:
    """The declared gates, evaluated again on the packaged reports, give the written verdict."""
    found = as_json(evaluate_gates(opened.section.gates, opened.reports))
    if encode_json(found) != (opened.folder / "READINESS.json").read_text(encoding="utf-8"):
        yield f"READINESS.json: the reports in eval/ give other results (verdict {found['verdict']!r})"
    if found["verdict"] != opened.metadata.verdict:
        yield f"metadata.json: verdict {opened.metadata.verdict!r}, the gates give {found['verdict']!r}"


def check_reports(opened: OpenedPackage) -> Iterator[str]:
    """The tables and pictures in `eval/` can be read, and the classes are those of the metrics."""
    from teacherspec.tasks.shared.image_decoding import plain_image

    folder = opened.folder / "eval"
    for path in sorted(folder.rglob("*.png")):
        name, content = path.relative_to(opened.folder).as_posix(), path.read_bytes()
        plain_image(content, PICTURE_PIXELS)
        if not content.endswith(PNG_END):
            yield f"{name}: goes on after the picture"
    for path in sorted(folder.rglob("*.tsv")):
        name = path.relative_to(opened.folder).as_posix()
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")]
        if lines.pop() != [""] or len(set(map(len, lines))) != 1:
            yield f"{name}: is no table of equal rows"
        elif not all(cell.isprintable() for line in lines for cell in line):
            yield f"{name}: holds control characters"
    classes = read_classes(folder / CLASSES)
    accuracy = find(opened.reports, "evaluate.test.accuracy")
    if classes and accuracy is not None:
        if [row["label"] for row in classes] != list(opened.metadata.label_names):
            yield f"eval/{CLASSES}: its labels are not those of metadata.json"
        rows = sum(row["support"] for row in classes)
        right = sum(row["support"] * (row["recall"] or 0.0) for row in classes)
        if rows != opened.metadata.splits["test"].rows or abs(right / rows - accuracy.value) > NLL_TOLERANCE:
            yield f"eval/{CLASSES}: its rows and recalls are not those of the reported accuracy"


def check_reported(
    opened: OpenedPackage, measured: Callable[[str], Mapping[str, float]], tolerance: float = NLL_TOLERANCE
) -> Iterator[str]:
    """Numbers of the soft targets and their labels are those that `evaluate` reported of the same rows.

    Args:
        opened: the package.
        measured: from the name of a split to its metrics at temperature 1.
        tolerance: largest difference.
    """
    for split in opened.metadata.soft_targets.rows:
        if opened.metadata.splits[split].role in UNLABELLED:
            continue
        for name, value in measured(split).items():
            stated = find(opened.reports, f"evaluate.{split}.{name}")
            if stated is None or not abs(stated.value - value) <= tolerance:
                reported = "nothing" if stated is None else f"{stated.value:.6f}"
                yield f"distill: {split}: {name} {value:.6f}, eval/evaluate/metrics.json says {reported}"
