"""Answers that nobody vouches for (role `transfer`): packed for students, checked, and never measured."""

from dataclasses import replace
from pathlib import Path

import pytest
from datasets import load_dataset

from teacherspec.package.verification.verify import verify
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import Prepared, save_index
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys import language_pipeline

GIVEN = 24


def with_transfer(folder: Path) -> Prepared:
    """The toy splits, of which the shifted one is given answers that nobody vouches for."""
    prepared = lm_prepared(folder, train=64, other=GIVEN)
    splits = dict(prepared.splits)
    given = splits.pop("shifted")
    path = given.path.rename(folder / "transfer.parquet")
    splits["transfer"] = replace(given, name="transfer", role="transfer", path=path)
    prepared = Prepared(prepared.task, (), splits)
    save_index(folder, prepared)
    return prepared


@pytest.mark.slow
def test_they_are_packed_and_no_loss_of_them_is_reported(tmp_path: Path) -> None:
    base = lm_base(tmp_path / "base")
    run = language_pipeline.run_pipeline(tmp_path, task(), with_transfer, base, epochs=1)
    assert read_json(run.stages.reports / "evaluate/metrics.json")["transfer"] == {"rows": GIVEN}
    assert "transfer" not in read_json(run.stages.reports / "calibrate/metrics.json")
    rows = load_dataset(str(run.teacher / "distill"), "soft", split="transfer", cache_dir=str(tmp_path / "c"))
    assert len(rows) == GIVEN
    assert set(rows["in_teacher_train"]) == {False}
    assert all(map(len, rows["positions"]))
    assert (
        f"{GIVEN} soft targets (`transfer`) are of given answers" in (run.teacher / "README.md").read_text()
    )
    assert [check for check in verify(run.teacher) if check.problems] == []
