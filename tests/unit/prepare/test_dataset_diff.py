import json
import shutil
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import dulwich.porcelain
import pytest
from click.testing import CliRunner
from dvc.repo import Repo as DvcRepo

from teacherspec.cli.diff_data import command
from teacherspec.errors import DataError
from teacherspec.prepare.dataset_diff import Changes, changes_as_markdown, compare_prepared
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl"}
Edit = Callable[[list[dict]], list[dict]]


def changes(workshop: Workshop, edit: Edit, with_ids: bool = True, **given: object) -> Changes:
    rows = [{**row, **({"id": f"m{at:03d}"} if with_ids else {})} for at, row in enumerate(messages(80))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([SOURCE])
    before = workshop.root / "before"
    copytree(workshop.out, before)
    workshop.write("data/rows.jsonl", jsonl(edit(rows)))
    workshop.prepare([SOURCE], **given)
    return compare_prepared(before, workshop.out)


def test_nothing_changed(workshop: Workshop) -> None:
    found = changes(workshop, lambda rows: rows[::-1])
    assert found.counts() == {**dict.fromkeys(found.counts(), 0), "unchanged": 80}


def test_every_change_is_listed_by_id(workshop: Workshop) -> None:
    def edit(rows: list[dict]) -> list[dict]:
        rows[3]["label"] = "bee"
        rows[7]["text"] = "quite another text"
        fresh = [{"id": f"new{at}", "text": f"fresh {at}", "label": "dog"} for at in range(9)]
        return [*rows[:10], *rows[12:], *fresh]

    found = changes(workshop, edit)
    assert found.added == tuple(f"new{at}" for at in range(9))
    assert found.removed == ("m010", "m011")
    assert found.relabelled == {"m003": ("ant", "bee")}
    assert found.edited == ("m007",)
    assert found.classes["dog"] == (0, 9)
    assert found.unchanged + len(set(found.moved) | {"m003", "m007"}) == 78
    page = changes_as_markdown(found)
    assert "| removed | 2 |" in page
    assert "relabelled: `m003`: `ant` → `bee`" in page
    assert "| `dog` | 0 | 9 |" in page


def test_another_seed_moves_rows_but_changes_none(workshop: Workshop) -> None:
    found = changes(workshop, lambda rows: rows, seed=1)
    assert len(found.moved) + found.unchanged == 80
    assert found.moved
    assert found.counts() == {
        **dict.fromkeys(found.counts(), 0),
        "moved": len(found.moved),
        "unchanged": found.unchanged,
    }


def test_without_ids_an_edited_row_is_another_row(workshop: Workshop) -> None:
    def edit(rows: list[dict]) -> list[dict]:
        rows[7]["text"] = "quite another text"
        return rows

    found = changes(workshop, edit, with_ids=False)
    assert (len(found.added), len(found.removed), found.edited) == (1, 1, ())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a library of DVC's
def test_a_revision_is_read_from_the_cache(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(80)))
    workshop.prepare([SOURCE])
    monkeypatch.chdir(workshop.root)
    git = dulwich.porcelain.init(".")
    stage = {"cmd": "true", "outs": ["artifacts/prepare"]}
    workshop.write("dvc.yaml", json.dumps({"stages": {"prepare": stage}}))
    with DvcRepo.init(".") as dvc:
        dvc.commit("prepare", force=True)
    dulwich.porcelain.add(git)
    dulwich.porcelain.commit(git, message=b"one", author=b"a <a@b>", committer=b"a <a@b>")
    workshop.write("data/rows.jsonl", jsonl(messages(82)))
    shutil.rmtree(workshop.out)
    workshop.prepare([SOURCE])
    with DvcRepo(".") as dvc:
        dvc.commit("prepare", force=True)
    result = CliRunner().invoke(command, ["HEAD"])
    assert result.exit_code == 0, result.output
    assert "| added | 2 |" in result.output
    refused = CliRunner().invoke(command, ["nonsense"])
    assert refused.exit_code == 1
    assert "nonsense: no such branch, tag, commit or experiment" in refused.stderr


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the stage `prepare` first"):
        compare_prepared(tmp_path, tmp_path)
