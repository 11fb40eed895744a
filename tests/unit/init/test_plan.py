"""From rows as people have them to a declaration that the check accepts, or one line with the reason."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from teacherspec.check.run import check
from teacherspec.errors import UserError
from teacherspec.init.kinds.names import KINDS
from teacherspec.init.kinds.registry import BY_NAME
from teacherspec.init.look import Wanted
from teacherspec.init.start import Plan, carry_out, plan

TEXTS = [f"message number {number} about {word}" for number in range(20) for word in ("money", "parcels")]
LABELS = ["billing", "delivery"] * 20


def csv(path: Path) -> Path:
    lines = [f'"{text}","{label}",7' for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text(
        'Kunden "Text",Ziel: Team,#\n'.replace('Kunden "Text"', '"Kunden ""Text"""') + "\n".join(lines)
    )
    return path


def semicolons(path: Path) -> Path:
    lines = [f"{text} für Köln;{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_bytes("\n".join(["Anfrage;Kategorie", *lines, ""]).encode("latin-1"))
    return path


def parquet(path: Path) -> Path:
    pq.write_table(pa.table({"utterance": TEXTS, "intent": LABELS}), path)
    return path


def conversations(path: Path) -> Path:
    turns = [[{"role": "user", "content": text}, {"role": "assistant", "content": "yes"}] for text in TEXTS]
    path.write_text("".join(json.dumps({"messages": turn}) + "\n" for turn in turns))
    return path


def instructions(path: Path) -> Path:
    path.write_text("".join(json.dumps({"instruction": text, "output": "yes"}) + "\n" for text in TEXTS))
    return path


def photos(path: Path) -> Path:
    for label in ("cat", "dog"):
        (path / label).mkdir(parents=True)
        for number in range(3):
            (path / label / f"{number}.png").write_bytes(b"not looked at")
    return path


def splits(path: Path) -> Path:
    path.mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        rows = zip(TEXTS, LABELS, strict=True)
        (path / name).write_text("".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in rows))
    return path


FORMS: Sequence[tuple[str, Callable[[Path], Path], str, Mapping[str, str]]] = (
    ("odd.csv", csv, "text_classification", {"text": 'Kunden "Text"', "label": "Ziel: Team"}),
    ("latin.csv", semicolons, "text_classification", {"text": "Anfrage", "label": "Kategorie"}),
    ("rows.parquet", parquet, "text_classification", {"text": "utterance", "label": "intent"}),
    ("chat.jsonl", conversations, "causal_lm", {}),
    ("alpaca.jsonl", instructions, "causal_lm", {}),
    ("photos", photos, "image_classification", {}),
    ("split", splits, "text_classification", {}),
)


def planned(root: Path, data: Path, **given: Any) -> Plan:
    return plan(Wanted(root, data, "toy", given.pop("kind", None), given.pop("columns", {}), "cc0-1.0"))


@pytest.mark.parametrize(("name", "make", "kind", "columns"), FORMS, ids=[form[0] for form in FORMS])
def test_a_declaration_that_the_check_accepts(
    name: str, make: Callable[[Path], Path], kind: str, columns: Mapping[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found = planned(tmp_path / "new", make(tmp_path / name))
    assert found.kind == kind
    (tmp_path / "params.yaml").write_text(found.files["params.yaml"])
    assert check(tmp_path / "params.yaml").task.kind == kind
    declared = YAML(typ="safe", pure=True).load(found.files["params.yaml"])["prepare"]
    assert declared["sources"][0].get("columns", {}) == columns
    assert all(source["path"].startswith(f"{declared['data']}/") for source in declared["sources"])
    carry_out(found, git=False)
    assert all((tmp_path / "new" / source["path"]).exists() for source in declared["sources"])


def test_a_file_called_test_is_the_test_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = planned(tmp_path / "new", splits(tmp_path / "split")).files["params.yaml"]
    declared = YAML(typ="safe", pure=True).load(text)["prepare"]
    assert [source.get("split") for source in declared["sources"]] == ["test", None]
    assert declared["fractions"]["test"] == 0


def test_rows_inside_the_repository_stay_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    found = planned(tmp_path, parquet(tmp_path / "mine/rows.parquet"))
    assert found.data == {}
    assert "path: mine/rows.parquet" in found.files["params.yaml"]


def test_labels_with_spaces_around_them_are_stripped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = zip(TEXTS, [f"{label} " for label in LABELS], strict=True)
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": a, "label": b}) + "\n" for a, b in rows))
    declared = YAML(typ="safe", pure=True).load(planned(tmp_path / "new", data).files["params.yaml"])[
        "prepare"
    ]
    assert declared["sources"][0]["transforms"] == [{"kind": "strip", "columns": ["label"]}]


def test_a_named_column_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "rows.jsonl"
    rows = [{"text": "a", "body": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = planned(tmp_path / "new", data, columns={"text": "body"}, kind="text_classification")
    assert "text: body" in found.files["params.yaml"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing.csv", None, "no such file or folder"),
        ("rows.xlsx", b"PK", "not a format that can be read"),
        ("empty.jsonl", b"", "no rows"),
        ("broken.jsonl", b"nonsense\nmore\n", "no row can be read"),
        ("unique.jsonl", b'{"text": "a", "n": 1}\n{"text": "b", "n": 2}\n', "no column repeats its values"),
        ("bytes.csv", bytes(range(128, 256)) * 9, "no table|no text"),
    ],
)
def test_what_is_no_data_is_refused_in_words(
    name: str, content: bytes | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=problem):
        planned(tmp_path / "new", tmp_path / name)
    assert not (tmp_path / "new").exists()


def test_a_column_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--column text=body: no such column; there are utterance, intent"):
        planned(tmp_path / "new", parquet(tmp_path / "rows.parquet"), columns={"text": "body"})


def test_nothing_that_exists_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/params.yaml").write_text("mine")
    with pytest.raises(UserError, match=r"has params\.yaml already"):
        planned(tmp_path / "new", parquet(tmp_path / "rows.parquet"))


def test_every_kind_that_the_command_offers_has_a_module() -> None:
    assert set(BY_NAME) == set(KINDS)


def test_a_name_that_no_teacher_may_have_is_refused_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^params\.yaml:\d+:\d+: package\.name"):
        plan(Wanted(tmp_path / "new", parquet(tmp_path / "rows.parquet"), "My Teacher", None, {}, "cc0-1.0"))
