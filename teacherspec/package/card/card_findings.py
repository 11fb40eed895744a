"""Where the teacher is strong and where it is weak, in sentences that each carry their numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.package.card.probe_numbers import advice_of
from teacherspec.package.quality_gates import Measurement, find
from teacherspec.package.stage_outputs import StageOutputs

FEW_ROWS = 30
"""Test rows of a class below which its recall is a rough guess (95 % interval wider than ±0.17)."""

MEMORISED = 1.2
"""Loss ratio above which targets on training rows carry little beyond the labels."""

MEMORISED_ENTROPY = 0.5
"""Share of the held-out entropy below which targets on train rows count as memorised."""

UNSURE = 2.0
"""Times the entropy of calibration rows from which rows without a label are reported as other than those."""

LARGEST_TAIL = 0.01
"""Mean tail mass above which more tokens should be stored."""

TEMPERATURES = (
    "Compare distillation temperatures 1, 2 and 4 on validation rows of your own: the best one for a student "
    "need not be the temperature that calibrates the teacher."
)


SCORES = "Train students to `teacher_score` by the squared error."


def strengths(outputs: StageOutputs) -> list[str]:
    """What students can rely on."""
    return [finding["sentence"] for finding in outputs.findings if finding["kind"] == "strength"]


def weaknesses(outputs: StageOutputs) -> list[str]:
    """Weaknesses and blind spots, which students inherit."""
    found = [finding["sentence"] for finding in outputs.findings if finding["kind"] != "strength"]
    return [*found, *worse_calibrated(outputs), *_out_of_scope(outputs), *_few(outputs)]


def advice(
    outputs: StageOutputs,
    label_smoothing: float,
    soft_targets: Mapping[str, Any],
    vocabulary: Mapping[str, Any] | None,
) -> list[str]:
    """What the numbers mean for distillation.

    Args:
        outputs: what the stages left.
        label_smoothing: of the training.
        soft_targets: `entropy`, split → nats; `out_of_fold`, None or what cross-fitting gave; `ensemble`,
            None or split → what its models give together; `tokens`, None or what is stored of the tokens of
            a language model.
        vocabulary: of the packaged model, None where it reads no text.
    """
    ratio, entropies = outputs.number("evaluate.loss_ratio").value, soft_targets["entropy"]
    sentences = advice_of(outputs.reports["probe"]) or [TEMPERATURES if entropies else SCORES]
    if label_smoothing > 0:
        sentences.append(
            f"Trained with label smoothing {label_smoothing:g}, which erases part of what wrong classes "
            "teach (Müller et al. 2019): prefer distillation temperature 1."
        )
    if ratio > MEMORISED:
        sentences.append(
            f"Validation loss is {ratio:.2f} times the train loss: targets on training rows are close to "
            "their labels and teach little beyond them. Prefer rows with `in_teacher_train` false, or new "
            "texts."
        )
    crossed = soft_targets["out_of_fold"]
    if crossed:
        sentences.append(
            f"On train rows prefer `out_of_fold_logits`, from {crossed['folds']} models that had not seen "
            f"them (accuracy {crossed['accuracy']:.3f}, entropy {crossed['entropy']:.3f} nats"
            f"{_test_entropy(outputs)}). {_calibrated_for_them(outputs)}"
        )
    else:
        sentences += _memorised(outputs, soft_targets["entropy"])
    sentences += _ensemble(outputs, soft_targets.get("ensemble") or {})
    sentences += _transfer(outputs, soft_targets["entropy"])
    tokens = soft_targets.get("tokens")
    return sentences if tokens is None else [*sentences, *_of_tokens(tokens, vocabulary or {})]


def _test_entropy(outputs: StageOutputs) -> str:
    """The entropy to compare with: that of the teacher on rows that it had not seen either."""
    found = find(outputs.reports, "evaluate.test.entropy")
    return "" if found is None else f"; the teacher's on test rows {found.value:.3f}"


def _calibrated_for_them(outputs: StageOutputs) -> str:
    if outputs.calibration.get("out_of_fold_rows", 0):
        return "The teacher's calibration was fitted on them too."
    return "The teacher's calibration was not fitted for them."


def _ensemble(outputs: StageOutputs, ensemble: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """What the models of cross-fitting give together, next to the packaged model."""
    for name, found in ensemble.items():
        own = find(outputs.reports, f"evaluate.{name}.nll")
        against = (
            ""
            if found["nll"] is None or own is None
            else f"; NLL of the labels {found['nll']:.3f}, of `logits` {own.value:.3f}"
        )
        yield (
            f"`ensemble_log_probs` of `{name}`: the mean of models that had not seen these rows, each with "
            f"{found['aleatoric']:.3f} nats of entropy, and {found['epistemic']:.3f} more by their "
            f"disagreement{against}."
        )


def _transfer(outputs: StageOutputs, entropy: Mapping[str, float]) -> Iterator[str]:
    """How many rows without a label there are, and whether they look like those that the teacher knows."""
    splits = outputs.prepared.of_role("transfer")
    if not splits:
        return
    names = ", ".join(f"`{split.name}`" for split in splits)
    what = "rows without a label" if outputs.prepared.label_names else "given answers that nobody vouches for"
    yield (
        f"{sum(split.rows for split in splits)} soft targets ({names}) are of {what}, which the teacher was "
        "not fitted on. Nothing measures how often it is right there: students learn from its distribution "
        "alone."
    )
    known = [entropy[one.name] for one in outputs.prepared.of_role("calibration") if one.name in entropy]
    unsure = [one.name for one in splits if known and entropy[one.name] > UNSURE * known[0]]
    for name in unsure:
        yield (
            f"Targets of `{name}` have {entropy[name]:.3f} nats of entropy, those of calibration rows "
            f"{known[0]:.3f}: many of its rows may belong to no label. Compare students with and without the "
            "least certain ones."
        )


def _of_tokens(tokens: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> Iterator[str]:
    """What students of stored tokens should know."""
    mass = tokens["tail_mass_mean"]
    yield (
        f"The {tokens['k']} stored tokens of a position leave {mass:.2%} of the probability on average "
        f"({tokens['tail_mass_p99']:.1%} at the 99 % point). Keep it as the tail; if training treats it as "
        "0, students become more certain than the teacher."
    )
    if mass > LARGEST_TAIL:
        more = "a larger `package.top_k`, or `package.sampled_tokens`"
        yield f"That is more than {LARGEST_TAIL:.0%}: {more}, loses less."
    if vocabulary.get("padded"):
        rows = vocabulary["rows"]
        yield (
            f"Its logits have {rows} columns, {vocabulary['padded']} of which no token uses. Trainers want a "
            "student of equal width: pad it too, or package with `package.trim_vocabulary: "
            f"{rows - vocabulary['padded']}`."
        )


def _memorised(outputs: StageOutputs, entropy: Mapping[str, float]) -> Iterator[str]:
    """Whether the targets on train rows are far more certain than those on rows that chose nothing."""
    held_out = [
        entropy[split.name]
        for split in outputs.prepared.of_role("calibration", "validation")
        if split.name in entropy
    ]
    train = [entropy[split.name] for split in outputs.prepared.of_role("train") if split.name in entropy]
    if train and held_out and train[0] < MEMORISED_ENTROPY * held_out[0]:
        advice = "`finetune.cross_fit` stores targets from models that have not seen them."
        yield (
            f"Targets on train rows have {train[0] / held_out[0]:.0%} of the entropy of held-out ones: the "
            "teacher has memorised these rows. "
            + (advice if outputs.classes else "Prefer texts that it has not seen.")
        )


def interval(measured: Measurement, digits: int = 3) -> str:
    """`0.931 (0.908–0.949)`."""
    if measured.low is None or measured.high is None:
        return f"{measured.value:.{digits}f}"
    return f"{measured.value:.{digits}f} ({measured.low:.{digits}f}–{measured.high:.{digits}f})"


def worse_calibrated(outputs: StageOutputs) -> Iterator[str]:
    """Reported splits whose confidence calibration made worse."""
    for split in outputs.prepared.of_role("test", "shifted"):
        before, after, change, worsened = (
            find(outputs.reports, f"calibrate.{split.name}.{name}")
            for name in ("ece.before", "ece.after", "ece.change", "worsened")
        )
        if before is None or after is None or change is None or worsened is None:
            continue
        if worsened.value:
            yield (
                f"Calibration made `{split.name}` worse: ECE {interval(before)} → {interval(after)}. Do not "
                "trust its calibrated confidence on such rows."
            )
        elif change.value > 0:
            yield (
                f"Calibration raised the ECE of `{split.name}` from {before.value:.3f} to {after.value:.3f}; "
                f"the change {interval(change)} may be chance."
            )


def _few(outputs: StageOutputs) -> Iterator[str]:
    few = [row["label"] for row in outputs.classes if row["support"] < FEW_ROWS]
    if few:
        yield (
            f"{len(few)} of {len(outputs.classes)} classes are measured on fewer than {FEW_ROWS} test rows "
            "each: read the intervals of their recall, not the values."
        )


def _out_of_scope(outputs: StageOutputs) -> Iterator[str]:
    for split in outputs.prepared.of_role("ood"):
        auroc = outputs.number(f"calibrate.{split.name}.max_probability.after.auroc")
        kept = outputs.number(f"calibrate.{split.name}.max_probability.after.fpr_at_95_in_recall").value
        yield (
            f"Rows that belong to no label (`{split.name}`, {split.rows} rows) still get one. Confidence "
            f"tells them from test rows with AUROC {interval(auroc)}; a threshold that keeps 95 % of the "
            f"test rows keeps {kept:.0%} of them."
        )
