"""What the teacher is worth: its gain over the untrained base, over seeds, and the lift of students."""

from collections.abc import Sequence

from teacherspec.package.card.human_eval_card import human_sentences
from teacherspec.package.card.probe_numbers import SCORES, probed_sets, recommendation, score_name
from teacherspec.package.page.charts import Chart, Line
from teacherspec.package.page.content import (
    Cell,
    Item,
    Row,
    Section,
    Table,
    number,
    numbers,
    plain,
    signed_strip,
    texts,
)
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import Measurement


def gain_section(inputs: PageInputs) -> Section:
    """Base, teacher and their paired difference on each reported set; of answers too, where there are any."""
    probed = inputs.task.has_new_head
    base = "a linear probe of the untrained base" if probed else "the untrained base"
    places = [f"evaluate.gain.{split}" for split in inputs.reported]
    accuracy = inputs.differences([f"{place}.accuracy" for place in places])
    loss = inputs.differences([f"{place}.nll" for place in places])
    rows = [
        Row(
            (
                plain(split),
                inputs.cell(f"evaluate.base.{split}.accuracy"),
                inputs.cell(f"evaluate.{split}.accuracy"),
                accuracy[place],
                loss[place],
            )
        )
        for place, split in enumerate(inputs.reported)
    ]
    columns = (
        *texts("split"),
        *numbers("base", "teacher", "gain in accuracy", "gain in NLL (nats)"),
    )
    text = f"The teacher against {base} on the same rows, paired, before calibration; better above 0."
    tables = [Table("Accuracy of base and teacher", columns, rows)]
    tables += [table for table in (_answers(inputs), _seeds(inputs)) if table.rows]
    people = [Item(sentence) for sentence in human_sentences(inputs.reports["ratings"])]
    return Section("gain", "Gain over the untrained base", (text,), people, tables=tables)


def _answers(inputs: PageInputs) -> Table:
    names = {"exact match": "exact_match", "chrF": "chrf"}
    metrics = {title: f"evaluate.gain.test.generated.{name}" for title, name in names.items()}
    rows = [
        Row((plain(title), *inputs.differences([metric])))
        for title, metric in metrics.items()
        if inputs.find(metric)
    ]
    return Table("Gain of greedy answers, test", (*texts("measure"), *numbers("gain")), rows)


def _seeds(inputs: PageInputs) -> Table:
    """Mean and spread over trainings with other seeds."""
    names = ("accuracy", "accuracy_sd", "nll", "nll_sd")
    rows = [
        Row((plain(split), *(inputs.cell(f"evaluate.seeds.{split}.{name}", 4) for name in names)))
        for split in (*inputs.reported, "validation")
        if inputs.find(f"evaluate.seeds.{split}.trainings")
    ]
    titles = ("accuracy, mean", "its sd", "NLL, mean", "its sd")
    columns = (*texts("split"), *numbers(*(title for title in titles)))
    return Table("Over trainings with other seeds", columns, rows)


def students_section(inputs: PageInputs) -> Section:
    """Lift of the first student on each set, and of every way to teach it; empty where none was probed."""
    probed = inputs.reports["probe"]
    if not probed:
        return Section("students", "Students")
    score = SCORES[score_name(probed)]
    student = probed["student"]
    text = (
        f"The same small student ({student['parameters']:,} parameters, {student['rows']:,} rows) with "
        f"labels only and taught by this teacher, paired over seeds and rows. {recommendation(probed)} "
        "Epochs and ways to teach were chosen on validation and calibration rows."
    )
    tables = [_lift(inputs, score), _ways(inputs, score)]
    return Section("students", "Lift of students", (text,), charts=_curves(inputs, score), tables=tables)


def _lift(inputs: PageInputs, score: str) -> Table:
    sets = probed_sets(inputs.reports["probe"])
    name = score_name(inputs.reports["probe"])
    lifts = inputs.differences([f"probe.{split}.lift" for split in sets])
    rows = [
        Row(
            (
                plain(split),
                inputs.cell(f"probe.{split}.labels_only.{name}"),
                inputs.cell(f"probe.{split}.taught.{name}"),
                lifts[place],
                Cell("lifts", state="good") if found["lifts"] else plain("not shown"),
                inputs.cell(f"probe.{split}.retention", 2),
            )
        )
        for place, (split, found) in enumerate(sets.items())
    ]
    columns = (
        *texts("split"),
        *numbers(f"{score}, labels only", "taught", "lift"),
        *texts("verdict"),
        *numbers("share of the teacher's"),
    )
    return Table("Lift of the recommended way to teach", columns, rows)


def _ways(inputs: PageInputs, score: str) -> Table:
    found = inputs.table("probe/arms.tsv")
    largest = max((abs(float(row[end])) for row in found for end in ("low", "high")), default=0.0)
    rows = []
    for row in found:
        lift = Measurement(*(float(row[end]) for end in ("lift", "low", "high")))
        chosen = Cell("recommended", state="good") if row["recommended"] == "True" else plain("")
        rows.append(
            Row(
                (
                    plain(row["student"]),
                    plain(int(row["train_rows"])),
                    plain(row["set"]),
                    plain(row["arm"]),
                    chosen,
                    number(Measurement(float(row["score"]))),
                    signed_strip(number(lift), lift, largest),
                )
            )
        )
    columns = (
        *texts("student"),
        *numbers("train rows"),
        *texts("split", "taught by", "choice"),
        *numbers(score),
        *numbers("lift"),
    )
    note = "`hard`: labels only. `soft`: the teacher's distribution at a distillation temperature T."
    return Table("Every way to teach", columns, rows, note, filterable=True, folded=True)


def _curves(inputs: PageInputs, score: str) -> Sequence[Chart]:
    """Score over epochs on test of the recommended way and of labels only, with all rows."""
    found = [row for row in inputs.table("probe/plots/curves.tsv") if row["set"] == "test"]
    arms = inputs.table("probe/arms.tsv")
    if not found or not arms:
        return ()
    student, rows = arms[0]["student"], max(int(row["train_rows"]) for row in arms)
    chosen = {row["arm"] for row in arms if row["recommended"] == "True" and row["student"] == student}
    lines = [
        Line(title, _points(found, (student, rows, arm)), style)
        for arm, title, style in (
            *((arm, "taught", "main") for arm in sorted(chosen)),
            ("hard", "labels only", "second"),
        )
    ]
    lines = [line for line in lines if line.points]
    return (
        [Chart(f"{score.capitalize()} of the student on test", "epoch", score, lines, from_zero=False)]
        if lines
        else ()
    )


def _points(found: Sequence[dict[str, str]], key: tuple[str, int, str]) -> list[tuple[float, float]]:
    return [
        (float(row["epoch"]), float(row["score"]))
        for row in found
        if (row["student"], int(row["train_rows"]), row["arm"]) == key
    ]
