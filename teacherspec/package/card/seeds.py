"""How much accuracy and NLL move between trainings with other seeds, as a table of the card."""

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.quality_gates import find
from teacherspec.package.stage_outputs import StageOutputs

TEACHER = {
    "first_seed": "the model of the first seed",
    "best_seed": "the model with the best {metric} on validation, so its validation metrics are optimistic",
    "mean_of_seeds": "the mean of the parameters of all these models",
}
"""`finetune.teacher`, in words."""


def seeds_section(outputs: StageOutputs) -> str:
    """Mean, interval and standard deviation on each set that all models ran; empty for one training."""
    rows = []
    for split in ("test", *(one.name for one in outputs.prepared.of_role("shifted")), "validation"):
        place = f"evaluate.seeds.{split}"
        if find(outputs.reports, f"{place}.trainings") is None:
            return ""
        rows.append((split, *(_spread(outputs, f"{place}.{name}") for name in ("accuracy", "nll"))))
    count = outputs.number("evaluate.seeds.test.trainings").value
    declared = outputs.training["declared"]
    teacher = TEACHER[declared["teacher"]].format(metric=declared["selection_metric"])
    return (
        f"## Seeds\n\n{count:g} trainings that differ in {', '.join(declared['seeds_vary'])} alone: mean "
        "with the interval of the mean over further trainings (Student's t), and standard deviation, before "
        f"calibration. The teacher is {teacher}.\n\n"
        f"{markdown_table(('split', 'accuracy', 'NLL (nats)'), rows)}"
    )


def _spread(outputs: StageOutputs, name: str) -> str:
    return f"{interval(outputs.number(name))}, sd {outputs.number(f'{name}_sd').value:.4f}"
