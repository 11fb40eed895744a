"""What stages after `base` may refuse, each with the early check that finds the same fault.

A refusal after hours of training costs them. So a new one needs an entry here: the check in `check`,
`prepare`, `base` or `check_rows` that raises before the first optimizer step, or why nothing could have known
it.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from teacherspec.calibrate.splits import MINIMUM_ROWS
from teacherspec.errors import DataError
from teacherspec.splits import REQUIRED_SPLITS, Prepared, Split, check_splits

ROOT = Path(__file__).parents[2] / "teacherspec"
LATE = ("calibrate", "evaluate", "evaluation_rows", "finetune", "inference", "package", "probe")
ERRORS = {"BaseModelError", "DataError", "UserError"}

EARLY = {
    "calibrate/classification/calibrate.py:check_splits": "teacherspec.splits:check_splits",
    "calibrate/generation/calibrate.py:check_splits": "teacherspec.splits:check_splits",
    "calibrate/multi_label/calibrate.py:check_splits": "teacherspec.splits:check_splits",
    "calibrate/regression/calibrate.py:check_splits": "teacherspec.splits:check_splits",
    "calibrate/retrieval/calibrate.py:check_splits": "teacherspec.splits:check_splits",
    "calibrate/tagging/calibrate.py:check_splits": "teacherspec.splits:check_splits",
    "evaluate/generation/text_metrics.py:is_correct": "teacherspec.check_rows.run:pattern_problems",
    "evaluate/retrieval/evaluate.py:candidate_set_size": "teacherspec.base.retrieval.baseline:refuse_splits",
    "evaluation_rows/slice_features.py:by_edges": "teacherspec.check_rows.run:column_problems",
    "evaluation_rows/slice_features.py:by_value": "teacherspec.check_rows.run:column_problems",
    "finetune/cross_fit.py:_folds": "teacherspec.check.rules.training:cross_fitting_has_folds",
    "finetune/inputs.py:fitting_splits": "teacherspec.splits:check_splits",
    "inference/batch_loader.py:check_not_empty": "teacherspec.splits:check_splits",
    "package/run.py:_declared_splits": "teacherspec.check.rules.packaging:soft_targets_are_splits",
    "package/stage_outputs.py:number": "teacherspec.check.rules.packaging:gates_are_measured",
    "probe/encoders/bag_of_ngrams.py:encode": "teacherspec.check_rows.run:word_problems",
    "probe/classification/rows.py:load_rows": "teacherspec.check_rows.run:check_rows",
    "probe/generation/pretrained_lm.py:build": "teacherspec.check_rows.run:pretrained_problems",
    "probe/generation/rows.py:load_tokens": "teacherspec.check_rows.run:check_rows",
    "probe/encoders/word_ids.py:encode": "teacherspec.check_rows.run:word_problems",
    "package/vocab_trimming.py:require_vocabulary": "teacherspec.check_rows.run:vocabulary_problems",
}
"""Late refusal → the early check of the same fault."""

BEFORE_THE_FIRST_STEP = {
    "finetune/freezing.py:freeze",
    "finetune/head_learning_rate.py:split_off_head",
    "finetune/inputs.py:initial_model",
    "finetune/linear_probe_first.py:output_layer",
    "finetune/lora.py:_targets",
    "finetune/lora.py:adapt",
    "finetune/qlora.py:quantize",
    "finetune/trainer.py:__init__",
}
"""Raised by `finetune` while it builds what it trains."""

ONLY_RESULTS_SHOW = {
    "finetune/callbacks.py:on_log": "the loss is not finite",
    "finetune/lora.py:merge": "merging rounds the logits away",
    "inference/finite_logits.py:refuse_non_finite": "a logit is not finite",
    "inference/generation.py:_score": "a logit is not finite",
    "inference/retrieval.py:predict_pairs": "an embedding is not finite",
    "inference/tagging.py:predict_tags": "a logit is not finite",
    "probe/retrieval/rows.py:load_pairs": "the teacher's embeddings are narrower, or its train images few",
    "probe/training_loop.py:train_arms": "the loss of a student is not finite",
    "package/golden_examples.py:write_golden": "the packaged model gives other outputs",
    "package/run.py:require_ready": "a gate is missed where on_not_ready is fail",
}

TOUCHED_BY_HAND = {
    "evaluate/classification/evaluate.py:check_classes",
    "evaluate/multi_label/evaluate.py:check_labels",
    "finetune/train.py:train",
    "package/aligned_rows.py:aligned_batches",
    "probe/classification/rows.py:_embedded",
    "probe/matched_rows.py:every_split",
    "probe/matched_rows.py:matched_rows",
    "probe/matched_rows.py:require_finite",
    "probe/generation/rows.py:_of_split",
    "probe/generation/rows.py:_temperature",
    "package/stage_outputs.py:_require_agreement",
    "package/stage_outputs.py:load_stage_outputs",
    "package/verification/package_reader.py:require_package",
}
"""Outputs of stages that do not belong together: DVC rebuilds them; the declaration is right."""

OTHER_COMMANDS = {
    "package/provenance/attested_build.py:_read",
    "package/provenance/attested_build.py:require_attested",
    "package/provenance/signing.py:problems",
    "package/provenance/signing.py:sign",
    "package/push.py:push_to_hub",
    "package/push.py:push_to_remote",
    "package/push.py:require_releasable",
    "package/verification/static_checks.py:require_sound",
}
"""Commands on a finished package."""


def refusals() -> Iterator[str]:
    """`file:function` of every refusal in the packages of late stages."""

    def walk(node: ast.AST, file: str, function: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            inside = child.name if isinstance(child, ast.FunctionDef) else function
            match child:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name in ERRORS:
                    yield f"{file}:{inside}"
            yield from walk(child, file, inside)

    for package in LATE:
        for path in sorted((ROOT / package).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            yield from walk(ast.parse(path.read_text(encoding="utf-8")), file, "")


def test_every_late_refusal_has_an_early_check_or_a_reason() -> None:
    reasons = (BEFORE_THE_FIRST_STEP, ONLY_RESULTS_SHOW, TOUCHED_BY_HAND, OTHER_COMMANDS)
    listed = [*EARLY, *(entry for group in reasons for entry in group)]
    assert len(listed) == len(set(listed))
    found = set(refusals())
    assert found - set(listed) == set(), (
        "raised late: check it in `check_rows`, or list it here with the reason"
    )
    assert set(listed) - found == set(), "no longer raised: take it out"


def test_the_early_checks_exist() -> None:
    for check in EARLY.values():
        module, _, name = check.partition(":")
        assert callable(getattr(import_module(module), name)), check


def test_rows_are_refused_early_by_the_code_that_encodes_them_later() -> None:
    """`base` encodes every split of conversations; other kinds refuse no row after `prepare`."""
    raising = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tasks").rglob("*.py")
        if "raise DataError" in path.read_text(encoding="utf-8")
    }
    assert raising == {
        "tasks/shared/row_formats.py",
        "tasks/shared/tokenize_rows.py",
        "tasks/vision_language/insert_images.py",
    }


def test_the_early_check_asks_for_as_many_rows_to_calibrate_on_as_the_late_one() -> None:
    """`calibrate` reads predictions only, and so cannot import what reads splits."""
    enough, few = (
        Prepared("causal_lm", (), {name: Split(name, name, rows, "", Path()) for name in REQUIRED_SPLITS})
        for rows in (MINIMUM_ROWS, MINIMUM_ROWS - 1)
    )
    check_splits(enough)
    with pytest.raises(
        DataError, match=f"calibration has {MINIMUM_ROWS - 1} rows; calibration needs at least"
    ):
        check_splits(few)
