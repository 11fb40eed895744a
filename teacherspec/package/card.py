"""The model card: what the teacher is, how good it is and where not, and how to use and check it."""

from collections.abc import Mapping, Sequence
from typing import Any

from teacherspec.package import strengths
from teacherspec.package.evidence import PLOT, Evidence
from teacherspec.package.gates import Judgement, Measured, find
from teacherspec.package.metadata import Metadata
from teacherspec.package.people import people
from teacherspec.package.readiness import as_table
from teacherspec.package.reading import loading_code
from teacherspec.package.section import Package
from teacherspec.package.strengths import interval
from teacherspec.tasks.verbs import Kind

CLASSES_SHOWN = 20

VERIFY = """\
```
sha256sum --check SHA256SUMS            # every byte
python -m teacherspec verify .          # files, golden logits, soft targets, gates
```

`golden/` holds test rows as text and as model inputs with the logits that this model gives; whatever loads
the model can compare, within the tolerance that `golden/golden.json` states for its dtype.
`provenance/digests.json` names what the teacher was built from, to the byte."""


def card(
    task: Kind, section: Package, evidence: Evidence, judgements: Sequence[Judgement], metadata: Metadata
) -> str:
    """`README.md`: front matter for the Hugging Face hub, then the card.

    Args:
        task: the declared task.
        section: `params.yaml: package`.
        evidence: what the stages left.
        judgements: how the gates were judged.
        metadata: what `metadata.json` says.
    """
    parts = [
        f"# {section.name}\n\n{section.description}",
        f"**{metadata.verdict.capitalize()}** to teach, judged by its gates:\n\n{as_table(judgements)}",
        _use(section),
        _load(task, evidence, metadata),
        _data(section, metadata),
        _training(evidence, metadata),
        _results(evidence),
        _classes(evidence),
        people(evidence.reports["ratings"]),
        "## Strengths\n\n" + _bullets(strengths.strengths(evidence)),
        "## Weaknesses and blind spots\n\n" + _bullets(strengths.weaknesses(evidence)),
        _students(metadata),
        _licences(section, metadata),
        f"## Verify\n\n{VERIFY}",
    ]
    return (
        f"---\n{front_matter(task, section, evidence, metadata)}---\n\n"
        + "\n\n".join(filter(None, parts))
        + "\n"
    )


def front_matter(task: Kind, section: Package, evidence: Evidence, metadata: Metadata) -> str:
    """The YAML head that the Hugging Face hub reads, with the `model-index`."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=task.hub_task,
            dataset_type=section.name,
            dataset_name=f"{section.name}, {split} split",
            dataset_split=split,
            metric_type=kind,
            metric_name=name,
            metric_value=evidence.number(metric).value,
        )
        for split, kind, name, metric in _indexed(evidence)
    ]
    base = evidence.manifest["source"].get("id")
    data = ModelCardData(
        base_model=base,
        base_model_relation="finetune" if base else None,
        language=list(section.language) or None,
        library_name="transformers",
        license=metadata.license,
        model_name=section.name,
        pipeline_tag=task.hub_task,
        tags=["teacher", "knowledge-distillation", "calibrated"],
        eval_results=results,
    )
    return f"{data.to_yaml()}\n"


def _indexed(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in evidence.prepared.of_role("shifted"))]
    found = [(split, "accuracy", "Accuracy", f"evaluate.{split}.accuracy") for split in reported]
    found += [(split, "f1", "Macro F1", f"evaluate.{split}.macro_f1") for split in reported]
    return [*found, ("test", "ece", "ECE after calibration", "calibrate.test.ece.after")]


def _use(section: Package) -> str:
    limits = f"\n\nLimits:\n\n{_bullets(section.limits)}" if section.limits else ""
    return f"## Intended use\n\n{section.intended_use}{limits}"


def _load(task: Kind, evidence: Evidence, metadata: Metadata) -> str:
    program = loading_code(*task.reader, evidence.calibration["calibrator"])
    return (
        f"## Load\n\nIn the folder of this card:\n\n```python\n{program}```\n\nThe model gives raw logits; "
        f"calibration ({metadata.calibration.method}) is data beside it, so that nothing applies it twice."
    )


def _data(section: Package, metadata: Metadata) -> str:
    rows = [(name, split.role, split.rows) for name, split in sorted(metadata.splits.items())]
    labels = ", ".join(f"`{name}`" for name in metadata.label_names)
    return (
        f"## Data\n\n{_table(('split', 'role', 'rows'), rows)}\n\nA row keeps its split by its content, and "
        f"no content is in two splits. Licence of the rows: {section.data_license}.\n\n"
        f"{len(metadata.label_names)} labels: {labels}."
    )


def _training(evidence: Evidence, metadata: Metadata) -> str:
    declared = evidence.training["declared"]
    texts = {key: value for key, value in metadata.base_model.source.items() if isinstance(value, str)}
    source = ", ".join(f"{key} `{value}`" for key, value in sorted(texts.items()))
    early = " (stopped early)" if evidence.training["stopped_early"] else ""
    rows = [
        ("base", f"{metadata.base_model.architecture}: {source}"),
        ("parameters", f"{metadata.parameters:,} ({evidence.training['trainable_parameters']:,} trained)"),
        ("method", declared["method"]["kind"]),
        ("loss", ", ".join(f"{key} {value}" for key, value in declared["loss"].items())),
        ("epochs", f"{metadata.epochs:g}{early}; checkpoint of epoch {metadata.best_epoch:g} kept"),
        ("learning rate", f"{metadata.learning_rate:g}, {declared['schedule']}"),
        ("batch size", metadata.batch_size),
        ("precision", declared["precision"]),
    ]
    return "## Training\n\n" + _table(("", ""), rows)


def _results(evidence: Evidence) -> str:
    columns = ("split", "rows", "accuracy", "macro F1", "NLL (nats)", "Brier")
    names = ("accuracy", "macro_f1", "nll", "brier")
    splits = [split for split in evidence.prepared.splits.values() if split.role != "ood"]
    rows = [
        (
            split.name,
            split.rows,
            *(interval(evidence.number(f"evaluate.{split.name}.{name}")) for name in names),
        )
        for split in splits
    ]
    ratio = evidence.number("evaluate.loss_ratio").value
    return (
        "## Results\n\nIntervals in brackets; before calibration, at temperature 1.\n\n"
        f"{_table(columns, rows)}\n\nValidation loss over train loss: {ratio:.3f}.\n\n"
        f"{_calibration_results(evidence)}"
    )


def _calibration_results(evidence: Evidence) -> str:
    def both(name: str) -> str:
        return " → ".join(
            interval(evidence.number(f"calibrate.test.{name}.{when}")) for when in ("before", "after")
        )

    noise = find(evidence.reports, "calibrate.test.ece.noise_after")
    against = f"; a perfectly calibrated model shows up to {noise.value:.3f} on as many rows" if noise else ""
    return (
        f"Calibration on test: ECE {both('ece')}{against}; NLL {both('nll')}.\n\n"
        f"![Reliability before and after calibration](eval/{PLOT})"
    )


def _classes(evidence: Evidence) -> str:
    """Recall of each class on test, the weakest first; of many classes only those."""
    measured = [row for row in evidence.classes if row["recall"] is not None]
    weakest = sorted(measured, key=lambda row: (row["recall"], row["label"]))[:CLASSES_SHOWN]
    rows = [
        (f"`{row['label']}`", int(row["support"]), interval(_recall(row), 2), f"{row['precision'] or 0:.2f}")
        for row in weakest
    ]
    count = "All" if len(weakest) == len(evidence.classes) else f"The {len(weakest)} weakest of"
    title = f"### Classes\n\n{count} {len(evidence.classes)} labels on test, by recall:"
    return f"{title}\n\n{_table(('label', 'rows', 'recall', 'precision'), rows)}"


def _recall(row: Mapping[str, Any]) -> Measured:
    return Measured(row["recall"], row["recall_low"], row["recall_high"])


def _students(metadata: Metadata) -> str:
    targets = sum(metadata.soft_targets.rows.values())
    return (
        f'## For students\n\n`distill/` holds {targets} soft targets: `load_dataset("distill", "soft")`.\n\n'
        f"{_bullets(metadata.advice)}"
    )


def _licences(section: Package, metadata: Metadata) -> str:
    return (
        f"## Licences\n\nWeights: {metadata.license}, as their base. Rows in `distill/` and `golden/`: "
        f"{section.data_license}."
    )


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
