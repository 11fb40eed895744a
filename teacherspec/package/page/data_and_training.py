"""The rows that the teacher was made from, and how it was trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from teacherspec.package.page.charts import Chart, Line
from teacherspec.package.page.content import MISSING, Cell, Row, Section, Table, numbers, plain, texts
from teacherspec.package.page.page_inputs import PageInputs, read_tsv

QUANTILES = ("p50", "p95", "max")
"""Quantiles of the sizes of rows that are shown."""

REMOVED = {
    "duplicates": "duplicates",
    "leaks": "leaks between splits",
    "near_leaks": "near leaks",
    "near_duplicates": "near-duplicates within a split",
    "group_leaks": "groups across splits",
    "conflicts": "conflicting labels",
    "quarantined": "broken rows",
}
"""What `prepare` counts of rows, and in words."""


def data_section(inputs: PageInputs) -> Section:
    """Counts of rows by split, their sizes and how far they drift from train."""
    found: Mapping[str, Any] = inputs.reports["prepare"]
    splits = inputs.outputs.prepared.splits
    if not found:
        rows = [Row((plain(name), plain(split.role), plain(split.rows))) for name, split in splits.items()]
        columns = (*texts("split", "role"), *numbers("rows"))
        return Section("data", "Data", tables=[Table("Rows by split", columns, rows)])
    counts = found["rows"]
    removed = ", ".join(f"{counts[name]:,} {words}" for name, words in REMOVED.items() if counts.get(name))
    text = [
        f"{counts['read']:,} rows read, {counts['kept']:,} kept. Removed or counted: {removed or 'none'}."
    ]
    if private := found.get("looks_private"):
        text.append(f"{private['rows']:,} of {private['rows_searched']:,} rows searched look private.")
    if curve := found.get("learning_curve"):
        text.append(
            f"A plain model without a base reaches {curve['all']:.3f} on all of train and "
            f"{curve['half']:.3f} on half of it; twice the rows would bring it to about "
            f"{curve['doubled']:.3f}."
        )
    text.append("Examples and advice: `reports/prepare/report.md`.")
    return Section("data", "Data", text, tables=[_splits(inputs, found)])


def _splits(inputs: PageInputs, found: Mapping[str, Any]) -> Table:
    unit = _unit(found)
    rows = []
    for name, one in found["splits"].items():
        place, drift = f"prepare.splits.{name}", one.get("drift", {})
        sizes = [inputs.cell(f"{place}.{unit}.{quantile}", 0) for quantile in QUANTILES] if unit else []
        rows.append(
            Row(
                (
                    plain(name),
                    inputs.cell(f"{place}.rows", 0),
                    inputs.cell(f"{place}.smallest_class", 0),
                    inputs.cell(f"{place}.largest_class", 0),
                    *sizes,
                    *(_drift(inputs, place, drift, kind) for kind in ("words", "classes")),
                )
            )
        )
    columns = (
        *texts("split"),
        *numbers("rows", "smallest class", "largest class"),
        *numbers(*(f"{unit}, {quantile}" for quantile in QUANTILES if unit)),
        *numbers("drift of words", "drift of classes"),
    )
    note = "Drift: distance from train; small: the same of random splits."
    return Table("Rows by split", columns, rows, note)


def _drift(inputs: PageInputs, place: str, drift: Mapping[str, float], kind: str) -> Cell:
    if kind not in drift:
        return MISSING
    cell = inputs.cell(f"{place}.drift.{kind}")
    return Cell(cell.text, f"{drift[f'{kind}_by_chance']:.3f} by chance", cell.value, cell.metric)


def _unit(found: Mapping[str, Any]) -> str:
    """The unit of the sizes of rows: the name of the one number of a split that comes in quantiles."""
    for split in found["splits"].values():
        for name, sizes in split.items():
            if isinstance(sizes, dict) and sizes.keys() >= {*QUANTILES}:
                return str(name)
    return ""


def training_section(inputs: PageInputs) -> Section:
    """How the teacher was trained, and its losses on the way."""
    training = inputs.outputs.training
    declared: Mapping[str, Any] = training["declared"]
    early = " (stopped early)" if training["stopped_early"] else ""
    source = inputs.outputs.manifest["source"]
    named = ", ".join(f"{key} {value}" for key, value in sorted(source.items()) if isinstance(value, str))
    facts = {
        "base": f"{inputs.outputs.manifest['architecture']}: {named}",
        "parameters": f"{training['parameters']:,} ({training['trainable_parameters']:,} trained)",
        "method": declared["method"]["kind"].replace("_", " "),
        "loss": ", ".join(f"{key} {value}" for key, value in declared["loss"].items()),
        "epochs": f"{training['epochs']:g}{early}; checkpoint of epoch {training['best_epoch']:g}",
        "learning rate": f"{declared['learning_rate']:g}, {declared['schedule']}",
        "batch size": f"{declared['batch_size']}",
        "starts as a linear probe": "yes" if declared.get("linear_probe_first") else "no",
        "weight interpolation": f"{declared.get('weight_interpolation') or 'no'}",
    }
    table = Table(
        "Training",
        texts("what", "value"),
        [Row((plain(name), plain(fact))) for name, fact in facts.items()],
    )
    ratio = inputs.find("evaluate.loss_ratio")
    text = (
        ()
        if ratio is None
        else (
            f"Validation loss over train loss: {ratio.value:.2f}; 1.0 to 1.2 is healthy, more is memorised.",
        )
    )
    return Section("training", "Training", text, charts=_curves(inputs), tables=[table])


def _curves(inputs: PageInputs) -> Sequence[Chart]:
    log = inputs.stages.finetuned / "log"
    steps, evaluations = (
        [{name: float(cell) for name, cell in row.items()} for row in read_tsv(log / name)]
        for name in ("steps.tsv", "evaluations.tsv")
    )
    best = (float(inputs.outputs.training["best_epoch"]), "checkpoint")
    lines = [
        Line("train, as optimised", [(row["epoch"], row["loss"]) for row in steps], "second"),
        *(
            Line(
                f"validation, {title}",
                [(row["epoch"], row[name]) for row in evaluations],
                "main",
                marked=True,
            )
            for name, title in {"nll": "NLL", "mse": "squared error"}.items()
            if evaluations and name in evaluations[0]
        ),
    ]
    charts = [
        Chart("Loss while training", "epoch", "loss (nats)", [line for line in lines if line.points], best)
    ]
    accuracy = [(row["epoch"], row["accuracy"]) for row in evaluations if "accuracy" in row]
    charts.append(
        Chart(
            "Accuracy while training",
            "epoch",
            "accuracy",
            [Line("validation", accuracy, "main", marked=True)],
            best,
            from_zero=False,
        )
    )
    return [chart for chart in charts if any(line.points for line in chart.lines)]
