"""What the card shows of a retrieval teacher: recall in both directions, candidate sets, calibration."""

from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.classification.card import calibration_results
from teacherspec.package.stage_outputs import StageOutputs

DIRECTIONS = {"image_to_text": "image to text", "text_to_image": "text to image"}


def card_sections(outputs: StageOutputs) -> list[str]:
    """Recall, and candidate sets."""
    return [_recalls(outputs), _candidate_sets(outputs)]


def model_index(outputs: StageOutputs) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in outputs.prepared.of_role("shifted"))]
    return [
        (split, f"recall_at_{k}", f"Recall@{k}, {words}", f"evaluate.{split}.{direction}.recall_at_{k}")
        for split in reported
        for direction, words in DIRECTIONS.items()
        for k in RECALLED
    ]


def _recalls(outputs: StageOutputs) -> str:
    rows = []
    splits = [*outputs.prepared.splits, "base.test"]
    for split in splits:
        for direction, words in DIRECTIONS.items():
            place = f"evaluate.{split}.{direction}"
            found = [outputs.number(f"{place}.recall_at_{k}") for k in RECALLED]
            chance = outputs.number(f"{place}.chance_at_1").value
            candidates = int(outputs.number(f"{place}.candidates").value)
            name = "test, untrained base" if split == "base.test" else split
            rows.append((name, words, candidates, *map(interval, found), f"{chance:.3f}"))
    columns = ("split", "", "candidates", *(f"recall@{k}" for k in RECALLED), "@1 by chance")
    return (
        "## Results\n\nShare of queries with a right one among the k nearest candidates of the split. Equal "
        "images are one, equal texts too, and any right one counts. Recalls of splits with different numbers "
        f"of candidates do not compare. Intervals in brackets.\n\n{markdown_table(columns, rows)}"
    )


def _candidate_sets(outputs: StageOutputs) -> str:
    size = int(outputs.number("evaluate.candidate_set_size").value)
    rows = [
        (split, *(interval(outputs.number(f"evaluate.{split}.{name}")) for name in ("accuracy", "nll")))
        for split in outputs.prepared.splits
    ]
    ratio = outputs.number("evaluate.loss_ratio").value
    return (
        f"### Candidate sets\n\nWhich of {size} candidates is the right one? The same number in every split, "
        "both directions together, at temperature 1.\n\n"
        f"{markdown_table(('split', 'right', 'NLL (nats)'), rows)}\n\n"
        f"Validation loss over train loss: {ratio:.3f}.\n\n{calibration_results(outputs)}\n\nA probability "
        "is that of being right among the candidates given: softmax over logits divided by the temperature."
    )
