"""Seeds, averages and out-of-fold rows that cannot mean what they say are refused with what to do."""

from pathlib import Path

import pytest

from tests.unit.check.example import changed, problems

FOLDS = ("  data: data\n", "  data: data\n  folds: 3\n")


def finetune(*lines: str) -> tuple[str, str]:
    return "  epochs: 3\n", "".join(f"  {line}\n" for line in ("epochs: 3", *lines))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["seeds: 1"], "finetune.seeds: out of range (given 1; allowed a whole number, 2 to 100"),
        (["seeds_vary: [dropout]"], "finetune.seeds_vary: there is one training: declare seeds"),
        (["seeds: 3", "seeds_vary: []"], "finetune.seeds_vary: "),
        (["seeds: 3", "seeds_vary: [order]"], "did you mean data_order?"),
        (["seeds: 3", "seeds_vary: [dropout, dropout]"], "names one more than once"),
        (
            ["seeds: 3", "seeds_vary: [initial_weights]", "linear_probe_first: true"],
            "no weights are drawn at random here, so that all trainings would be the same",
        ),
        (["teacher: best_seed"], "finetune.teacher: best_seed needs several trainings: declare seeds"),
        (["teacher: mean_of_seeds"], "mean_of_seeds needs several trainings"),
        (
            ["teacher: mean_of_seeds", "seeds: 3"],
            "models that start from other random weights have no useful",
        ),
        (["teacher: mean_of_folds"], "finetune.teacher: there are no models of folds: declare cross_fit"),
        (["teacher: mean_of_folds", "cross_fit: true", "seeds: 2"], "finetune.seeds: a mean of folds is no"),
        (["running_mean: {decay: 1}"], "finetune.running_mean.decay: out of range (given 1;"),
    ],
)
def test_it_is_refused_once(tmp_path: Path, lines: list[str], says: str) -> None:
    found = problems(tmp_path, changed(finetune(*lines), FOLDS))
    assert len(found) == 1
    assert says in found[0]


def test_rows_out_of_fold_need_the_models_that_predict_them(tmp_path: Path) -> None:
    rows = ("  n_bins: 15\n", "  rows: calibration_and_out_of_fold\n")
    (found,) = problems(tmp_path, changed(rows))
    assert "calibrate.rows: no rows are predicted out of fold: declare finetune.cross_fit: true" in found
    assert problems(tmp_path, changed(rows, finetune("cross_fit: true"), FOLDS)) == []


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("evaluate.seeds.test.accuracy", "needs several trainings: declare finetune.seeds, such as 5"),
        ("evaluate.out_of_fold.accuracy", "needs models of folds: declare finetune.cross_fit: true"),
        ("evaluate.loss_ratio_out_of_fold", "needs models of folds: declare finetune.cross_fit: true"),
    ],
)
def test_a_gate_on_trainings_that_are_not_declared_is_refused(tmp_path: Path, metric: str, says: str) -> None:
    gate = ("evaluate.test.accuracy", metric)
    (found,) = problems(tmp_path, changed(gate))
    assert "31:16: package.gates[0].metric: " in found
    assert says in found
    assert problems(tmp_path, changed(gate, finetune("seeds: 2", "cross_fit: true"), FOLDS)) == []


@pytest.mark.parametrize(
    "lines",
    [
        ["seeds: 3"],
        ["seeds: 3", "seeds_vary: [initial_weights]"],
        ["seeds: 3", "seeds_vary: [initial_weights]", "linear_probe_first: true", "method: {kind: lora}"],
        ["seeds: 3", "teacher: best_seed", "cross_fit: true"],
        ["seeds: 3", "teacher: mean_of_seeds", "linear_probe_first: true"],
        ["seeds: 3", "teacher: mean_of_seeds", "seeds_vary: [data_order, dropout]"],
        ["cross_fit: true", "teacher: mean_of_folds"],
        ["running_mean: {}", "linear_probe_first: true", "weight_interpolation: 0.5"],
    ],
)
def test_it_is_accepted(tmp_path: Path, lines: list[str]) -> None:
    assert problems(tmp_path, changed(finetune(*lines), FOLDS)) == []
