"""Whether the packaged classifier gives what is stored of it: labels, soft targets, calibrated loss."""

from collections.abc import Iterator

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.package.build_metadata import label_names_sha256
from teacherspec.package.resumable_shards import CONFIG, read_shards
from teacherspec.package.verification.consistency_checks import check_calibrated_nll
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import check_recomputed
from teacherspec.runtime.atomic_io import read_json


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """The same label names in the same order, wherever they are written."""
    import pyarrow.parquet as pq
    from datasets import Features

    names = opened.metadata.label_names
    if opened.metadata.label_names_sha256 != label_names_sha256(names):
        yield "metadata.json: label_names_sha256 is not that of label_names"
    config = read_json(opened.folder / "model/config.json")
    if config["id2label"] != {str(index): name for index, name in enumerate(names)}:
        yield "model/config.json: id2label differs from the label names of metadata.json"
    if config["label2id"] != {name: index for index, name in enumerate(names)}:
        yield "model/config.json: label2id differs from the label names of metadata.json"
    for path in sorted((opened.folder / "distill" / CONFIG).glob("*.parquet")):
        features = Features.from_arrow_schema(pq.read_schema(path))
        if tuple(features["label"].names) != names or features["logits"].length != len(names):
            yield f"distill/{CONFIG}/{path.name}: its labels differ from the label names of metadata.json"


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """The model gives the stored logits."""
    return check_recomputed(opened, ("logits",))


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The calibrator gives, on the rows it was fitted on, the loss it was saved with."""
    calibrator = opened.calibrator()
    return check_calibrated_nll(opened, lambda split: _mean_nll(opened, calibrator, split))


def _mean_nll(opened: OpenedPackage, calibrator: Calibrator, split: str) -> float:
    """Mean loss of the labels after calibration, nats, in bounded memory."""
    total, count = 0.0, 0
    for batch in read_shards(opened.folder / "distill", split, ["logits", "label"]):
        logits = batch["logits"].flatten().to_numpy().reshape(len(batch), -1)
        total += nll(apply(calibrator, logits), batch["label"].to_numpy()) * len(batch)
        count += len(batch)
    return total / max(1, count)
