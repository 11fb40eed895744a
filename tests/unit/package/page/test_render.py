"""The page of a teacher: every number is that of the reports, texts are text, the same bytes each time."""

import re
import shutil
import socket
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from teacherspec.package.page.page_inputs import PageInputs, page_inputs, read_tsv
from teacherspec.package.page.render import render_page
from teacherspec.package.quality_gates import find
from teacherspec.package.stage_outputs import Stages, load_stage_outputs
from teacherspec.runtime.atomic_io import read_json, write_json, write_tsv
from teacherspec.runtime.html_pages import csp_digest
from tests.toys.hostile import LINK, QUOTES, TAG
from tests.toys.packaged_teacher import CANARIES, ROOT, SPEC, TASK, PackagedTeacher, section
from tests.toys.page_reader import PageReader

ATTACK = "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 1'>\u202e" + TAG
LONG = "long " * 2_000
HOSTILE = (ATTACK, LONG, f"{LINK} {QUOTES}")


def inputs_of(teacher: PackagedTeacher, stages: Stages | None = None) -> PageInputs:
    place = teacher.stages if stages is None else stages
    outputs = load_stage_outputs(place)
    return page_inputs(TASK, section(), SPEC, outputs, place, teacher.result.gates)


@pytest.fixture(scope="module")
def page(packaged_teacher: PackagedTeacher) -> str:
    return packaged_teacher.stages.page.read_text(encoding="utf-8")


def renamed(stages: Stages, place: Path, names: dict[str, str]) -> Stages:
    """The same stages with other labels in every table and findings, written as the stages write them."""
    shutil.copytree(stages.reports, place / "reports")
    for path in (place / "reports").rglob("*.tsv"):
        rows = read_tsv(path)
        if rows:
            cells = [[swapped(cell, names) for cell in row.values()] for row in rows]
            write_tsv(path, list(rows[0]), cells)
    findings = read_json(place / "reports/evaluate/findings.json")
    findings[0]["sentence"] += f" `{ATTACK.replace('`', '')}` {TAG}"
    write_json(place / "reports/evaluate/findings.json", findings)
    return Stages(stages.artifacts, place / "reports")


def swapped(cell: str, names: dict[str, str]) -> str:
    if cell.startswith("label = "):
        return f"label = {names.get(cell.removeprefix('label = '), cell)}"
    return names.get(cell, cell)


@pytest.fixture(scope="module")
def hostile(packaged_teacher: PackagedTeacher, tmp_path_factory: pytest.TempPathFactory) -> str:
    labels = [
        row["label"] for row in read_tsv(packaged_teacher.stages.reports / "evaluate/plots/classes.tsv")
    ]
    names = dict(zip(labels, HOSTILE, strict=True))
    inputs = inputs_of(
        packaged_teacher, renamed(packaged_teacher.stages, tmp_path_factory.mktemp("bad"), names)
    )
    named = inputs.section.model_copy(update={"name": ATTACK, "description": f"{ATTACK}\n{LINK}"})
    return render_page(replace(inputs, section=named))


def test_every_number_with_a_name_is_the_one_of_the_reports(
    packaged_teacher: PackagedTeacher, page: str
) -> None:
    inputs = inputs_of(packaged_teacher)
    shown = PageReader(page).shown
    assert len(shown) > 80
    assert {name.partition(".")[0] for name, _, _ in shown} == {"evaluate", "calibrate", "probe"}
    for name, value, text in shown:
        found = find(inputs.reports, name)
        assert found is not None, name
        assert value == found.value, name
        numbers = [float(number) for number in re.findall(r"\d+\.?\d*", text.replace("−", ""))]
        decimals = len((re.findall(r"\d+\.(\d+)", text) or [""])[0])
        ends = [abs(end) for end in (found.value, found.low, found.high) if end is not None]
        for end in ends:
            assert any(abs(end - number) <= 0.5000001 * 10**-decimals for number in numbers), (
                name,
                end,
                text,
            )


def test_tables_repeat_the_tables_of_the_stages(packaged_teacher: PackagedTeacher, page: str) -> None:
    reports, words = packaged_teacher.stages.reports, " ".join(PageReader(page).words.split())
    for row in read_tsv(reports / "evaluate/plots/classes.tsv"):
        assert f"{float(row['recall']):.3f}" in words
    pairs = Counter(
        (row["label"], row["predicted"]) for row in read_tsv(reports / "evaluate/plots/confusion.tsv")
    )
    for (label, taken), rows in pairs.items():
        if label != taken:
            assert f"{label} {taken} {rows} " in words
    for row in read_tsv(reports / "evaluate/plots/hardest.tsv"):
        assert row["id"] in words
    for finding in read_json(reports / "evaluate/findings.json"):
        assert " ".join(finding["sentence"].replace("`", "").split()) in words
    for gate in packaged_teacher.result.gates:
        assert f"{gate.gate.metric} {'pass' if gate.passed else 'fail'}" in words


def test_it_is_well_formed_and_can_be_read_aloud(page: str) -> None:
    read = PageReader(page)
    assert read.open == []
    assert len(read.attributes("id")) == len({*read.attributes("id")})
    ids = {*read.attributes("id")}
    assert {link[1:] for link in read.attributes("href")} <= ids
    for name in ("aria-labelledby", "aria-describedby", "for"):
        assert {*read.attributes(name)} <= ids
    tags = Counter(tag for tag, _ in read.tags)
    assert (tags["h1"], tags["main"], tags["header"], tags["nav"]) == (1, 1, 1, 1)
    assert tags["table"] == tags["caption"] > 10
    assert all("scope" in found for tag, found in read.tags if tag == "th")
    pictures = [found for tag, found in read.tags if tag == "svg"]
    assert all(found.get("role") == "img" or found.get("aria-hidden") == "true" for found in pictures)


def test_nothing_but_its_own_style_and_script_may_run(page: str) -> None:
    read = PageReader(page)
    (policy,) = (found["content"] or "" for _, found in read.tags if "http-equiv" in found)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    (script,) = read.scripts
    assert f"script-src '{csp_digest(script)}'" in policy
    assert f"style-src '{csp_digest(read.style)}'" in policy
    assert not [name for _, found in read.tags for name in found if name == "style" or name.startswith("on")]
    assert "eval(" not in script
    assert not {"link", "iframe", "object", "form", "base"} & {tag for tag, _ in read.tags}
    assert all(source.startswith("data:image/") for source in read.attributes("src"))


def test_hostile_labels_and_texts_are_text(page: str, hostile: str) -> None:
    plain, read = PageReader(page), PageReader(hostile)
    assert read.open == []
    counted = [
        Counter(tag for tag, _ in one.tags if tag in ("script", "style", "img", "a", "iframe"))
        for one in (plain, read)
    ]
    assert counted[0] == counted[1]
    assert read.scripts == plain.scripts
    assert "window.owned" in read.words
    assert "\u202e" not in hostile
    assert "\\u202e" in read.words
    assert len(hostile) < len(page) + 200_000, "long names are cut"
    assert not [name for _, found in read.tags for name in found if name.startswith("on")]


def test_it_names_no_machine_and_no_time(page: str) -> None:
    for private in (str(ROOT), str(Path.home()), "/tmp/", socket.gethostname(), *CANARIES.values()):  # noqa: S108
        assert private not in page
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", page)


def test_the_same_numbers_give_the_same_bytes(packaged_teacher: PackagedTeacher, page: str) -> None:
    assert render_page(inputs_of(packaged_teacher)) == page


def test_another_number_gives_another_page(
    packaged_teacher: PackagedTeacher, page: str, tmp_path: Path
) -> None:
    """Negative control: the page is read from the reports."""
    shutil.copytree(packaged_teacher.stages.reports, tmp_path / "reports")
    metrics = read_json(tmp_path / "reports/evaluate/metrics.json")
    metrics["test"]["accuracy"]["value"] = 0.123456
    write_json(tmp_path / "reports/evaluate/metrics.json", metrics)
    stages = Stages(packaged_teacher.stages.artifacts, tmp_path / "reports")
    changed = render_page(inputs_of(packaged_teacher, stages))
    assert changed != page
    assert 'data-value="0.123456" data-metric="evaluate.test.accuracy"' in changed


def test_it_is_written_where_a_gate_stops_the_package(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    from teacherspec.errors import UserError
    from tests.toys.packaged_teacher import package

    for name in ("artifacts", "reports"):
        shutil.copytree(packaged_teacher.folder.parent / name, tmp_path / name)
    stages = Stages(tmp_path / "artifacts", tmp_path / "reports")
    stages.page.unlink()
    gate = {"metric": "evaluate.test.accuracy", "at_least": 1.0}
    with pytest.raises(UserError):
        package(stages, tmp_path, gates=[gate], on_not_ready="fail")
    words = " ".join(PageReader(stages.page.read_text(encoding="utf-8")).words.split())
    assert "weather not ready" in words
    assert "Reach the limit of evaluate.test.accuracy" in words
    assert not (tmp_path / "teacher").exists()
