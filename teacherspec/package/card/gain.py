"""What fine-tuning gained over the untrained base, as a table of the card."""

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.tasks.shared.interfaces.kind import Kind


def gain_section(task: Kind, outputs: StageOutputs) -> str:
    """Accuracy of the base and of the teacher on each set that is reported, and their paired difference."""
    probed = task.has_new_head
    base = "a linear probe of the untrained base" if probed else "the untrained base"
    rows = []
    for split in ("test", *(one.name for one in outputs.prepared.of_role("shifted"))):
        accuracies = [
            outputs.number(f"evaluate.{place}.accuracy").value for place in (f"base.{split}", split)
        ]
        gains = [interval(outputs.number(f"evaluate.gain.{split}.{name}")) for name in ("accuracy", "nll")]
        rows.append((split, *(f"{one:.3f}" for one in accuracies), *gains))
    answers = ""
    if task.output_type == "generation":
        names = {"exact match": "exact_match", "chrF": "chrf"}
        gained = (
            f"{words} {interval(outputs.number(f'evaluate.gain.test.generated.{name}'))}"
            for words, name in names.items()
        )
        answers = f"\n\nGreedy answers to the same test prompts, paired: {', '.join(gained)}."
    columns = ("split", "base", "teacher", "gain in accuracy", "gain in NLL (nats)")
    return (
        f"## Gain\n\nThe teacher against {base} on the same rows, paired; above 0 the teacher is better. "
        f"Before calibration.\n\n{markdown_table(columns, rows)}{answers}"
    )
