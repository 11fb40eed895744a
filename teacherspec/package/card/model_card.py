"""The model card: what the teacher is, how good it is and where not, and how to use and check it."""

from collections.abc import Iterator, Sequence

from teacherspec.package.card import card_findings
from teacherspec.package.card.hub_license import hub_license
from teacherspec.package.card.human_eval_card import human_evaluation
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.card.readiness import as_table
from teacherspec.package.card.seeds import seeds_section
from teacherspec.package.card.student_card import declared_student
from teacherspec.package.card.students import students_section
from teacherspec.package.card.usage_snippets import loading_code
from teacherspec.package.metadata import Metadata
from teacherspec.package.output_types import OUTPUT_TYPES
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.quality_gates import GateResult, find
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.spec.package import Package
from teacherspec.tasks.shared.interfaces.kind import Kind

VERIFY = """\
```
sha256sum --check SHA256SUMS            # every byte
python -m teacherspec verify-package .  # files, golden logits, soft targets, gates
```

`golden/` holds test rows as text and as model inputs with the logits that this model gives; whatever loads
the model can compare, within the tolerance that `golden/golden.json` states for its dtype.
`provenance/digests.json` names what the teacher was built from, to the byte."""


def model_card(inputs: PackageInputs, gates: Sequence[GateResult], metadata: Metadata) -> str:
    """`README.md`: front matter for the Hugging Face hub, then the card.

    Args:
        inputs: of the package.
        gates: result of each gate.
        metadata: content of `metadata.json`.
    """
    task, section, outputs = inputs.task, inputs.section, inputs.outputs
    parts = [
        f"# {section.name}\n\n{section.description}",
        f"**{metadata.verdict.capitalize()}** to teach, by its quality gates:\n\n{as_table(gates)}",
        _use(section),
        _load(task, outputs, metadata),
        _data(section, metadata),
        _training(outputs, metadata),
        OUTPUT_TYPES[task.output_type].card_gain(task, outputs),
        seeds_section(outputs),
        students_section(outputs),
        *OUTPUT_TYPES[task.output_type].card_sections(outputs),
        human_evaluation(outputs.reports["ratings"]),
        "## Strengths\n\n" + _bullets(card_findings.strengths(outputs)),
        "## Weaknesses and blind spots\n\n" + _bullets(card_findings.weaknesses(outputs)),
        _students(metadata),
        declared_student(metadata),
        _licences(section, metadata),
        f"## Verify\n\n{VERIFY}",
    ]
    return (
        f"---\n{front_matter(task, section, outputs, metadata)}---\n\n"
        + "\n\n".join(filter(None, parts))
        + "\n"
    )


def front_matter(task: Kind, section: Package, outputs: StageOutputs, metadata: Metadata) -> str:
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
            metric_value=outputs.number(metric).value,
        )
        for split, kind, name, metric in OUTPUT_TYPES[task.output_type].model_index(outputs)
    ]
    base = outputs.manifest["source"].get("id")
    licence = hub_license(metadata.license)
    data = ModelCardData(
        base_model=base,
        base_model_relation="finetune" if base else None,
        language=list(section.language) or None,
        library_name="transformers",
        license=licence["license"],
        license_name=licence.get("license_name"),
        model_name=section.name,
        pipeline_tag=task.hub_task,
        tags=["teacher", "knowledge-distillation", "calibrated"],
        eval_results=results,
    )
    return f"{data.to_yaml()}\n"


def _use(section: Package) -> str:
    limits = f"\n\nLimits:\n\n{_bullets(section.limits)}" if section.limits else ""
    return f"## Intended use\n\n{section.intended_use}{limits}"


def _load(task: Kind, outputs: StageOutputs, metadata: Metadata) -> str:
    usage = task.usage_snippet()
    calibrated = OUTPUT_TYPES[task.output_type].calibrated_code
    program = loading_code(usage.imports, usage.logits, outputs.calibration["calibrator"], calibrated)
    answering = "" if usage.answer is None else f"\n\nTo generate an answer:\n\n```python\n{usage.answer}```"
    return (
        f"## Load\n\nIn the folder of this card:\n\n```python\n{program}```\n\nThe model gives raw logits; "
        f"calibration ({metadata.calibration.method}) is data next to it, so that nothing applies it twice."
        f"{answering}\n\nRead by transformers {metadata.least_transformers} and newer; older versions may "
        "compute other logits without a message."
    )


def _data(section: Package, metadata: Metadata) -> str:
    rows = [(name, split.role, split.rows) for name, split in sorted(metadata.splits.items())]
    names = ", ".join(map(code, metadata.label_names))
    labels = f"\n\n{len(metadata.label_names)} labels: {names}." if metadata.label_names else ""
    return (
        f"## Data\n\n{markdown_table(('split', 'role', 'rows'), rows)}\n\nA row keeps its split by its "
        f"content, and no content is in two splits. Licence of the rows: {section.data_license}.{labels}"
    )


def _stored_as(metadata: Metadata) -> Iterator[tuple[str, str]]:
    if stored := metadata.base_model.stored_as:
        types = ", ".join(f"{count} tensors {name}" for name, count in stored.items())
        yield "base stored as", f"{types}; decoded to float32, without what that lost"


def _training(outputs: StageOutputs, metadata: Metadata) -> str:
    declared = outputs.training["declared"]
    texts = {key: value for key, value in metadata.base_model.source.items() if isinstance(value, str)}
    source = ", ".join(f"{key} {code(value)}" for key, value in sorted(texts.items()))
    if layers := outputs.manifest.get("layers"):
        source += f"; its first {layers} layers"
    loss = ", ".join(f"{key} {value}" for key, value in declared["loss"].items())
    if find(outputs.reports, "evaluate.test.rmse"):
        loss = "squared error of the scores"
    early = " (stopped early)" if outputs.training["stopped_early"] else ""
    rows = [
        ("base", f"{code(metadata.base_model.architecture)}: {source}"),
        *_stored_as(metadata),
        ("parameters", f"{metadata.parameters:,} ({outputs.training['trainable_parameters']:,} trained)"),
        ("method", declared["method"]["kind"]),
        ("loss", loss),
        ("epochs", f"{metadata.epochs:g}{early}; checkpoint of epoch {metadata.best_epoch:g} kept"),
        ("learning rate", f"{metadata.learning_rate:g}, {declared['schedule']}"),
        ("batch size", metadata.batch_size),
        ("precision", declared["precision"]),
    ]
    return "## Training\n\n" + markdown_table(("", ""), rows)


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
