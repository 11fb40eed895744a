"""`diff` of two revisions, compared with git, DVC and scipy."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from dvc.api import DVCFileSystem
from scipy.stats import binomtest

from teacherspec.cli.main import main
from teacherspec.compare.compare import TeacherDiff, as_json, compare
from teacherspec.compare.report.html import as_html
from teacherspec.compare.report.markdown import as_markdown
from teacherspec.compare.revision import find_revision
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.run_records.dvc_cache import local_cache
from tests.pipeline.gitops.repository import Repository

LABELS = ("cold", "hot", "wet")


def diff_of(base: str, head: str | None) -> TeacherDiff:
    return compare(find_revision(base), find_revision(head))


@pytest.fixture(scope="module")
def diff(built: Path) -> TeacherDiff:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(built / "repository")
        return diff_of("main", "pr")


@pytest.fixture(scope="module")
def predicted(built: Path) -> dict[str, dict[str, tuple[str, int, bool]]]:
    """Branch → id → text, label and whether the prediction is right, read without this project's code."""
    found: dict[str, dict[str, tuple[str, int, bool]]] = {}
    for branch in ("main", "pr"):
        files = DVCFileSystem(str(built / "repository"), rev=branch)
        with files.open("artifacts/evaluate/predictions/test.parquet", "rb") as file:
            rows = pq.read_table(file).to_pylist()
        with files.open("artifacts/prepare/test.parquet", "rb") as file:
            texts = {row["id"]: row["text"] for row in pq.read_table(file).to_pylist()}
        found[branch] = {
            row["id"]: (texts[row["id"]], row["label"], int(np.argmax(row["logits"])) == row["label"])
            for row in rows
        }
    return found


def test_changed_params_are_listed_with_both_values(diff: TeacherDiff) -> None:
    assert [(c.name, c.before, c.after) for c in diff.params] == [
        ("finetune.skill", "0.6", "0.9"),
        ("package.gates[0].at_least", "0.5", "0.4"),
    ]


def test_the_environment_is_compared_by_pins(diff: TeacherDiff) -> None:
    (change,) = diff.environment
    assert change.name == "numpy"
    assert change.after == f"99.{change.before}"


def test_stages_are_rebuilt_for_reasons(diff: TeacherDiff) -> None:
    states = {build.stage: (build.state, build.reasons) for build in diff.stages}
    assert states["prepare"] == ("rebuilt", ("inputs data/toy/rows.jsonl",))
    assert states["finetune"] == ("rebuilt", ("inputs artifacts/prepare", "params finetune.skill"))
    assert states["calibrate"] == (
        "rebuilt",
        ("inputs artifacts/evaluate", "code stages/calibrate/method.py"),
    )
    assert not any(build.since for build in diff.stages)
    assert states["package"][0] == "rebuilt"
    assert "params package.gates[0].at_least" in states["package"][1]


def test_a_stage_that_was_not_run_after_an_edit_is_stale(repository: Repository) -> None:
    repository.edit("stages/calibrate/method.py", "temperature", "isotonic")
    repository.edit("params.yaml", "at_least: 0.5", "at_least: 0.4")
    repository.edit("dvc.yaml", "stub.py finetune", "stub.py  finetune")
    edited = repository.commit("Edit without a run")
    for head in (edited, None):
        diff = diff_of("main", head)
        assert {build.stage: (build.state, build.since) for build in diff.stages} == {
            "check": ("stale", ("params package.gates[0].at_least",)),
            "prepare": ("reused", ()),
            "finetune": ("stale", ("command",)),
            "evaluate": ("reused", ()),
            "calibrate": ("stale", ("code stages/calibrate/method.py",)),
            "package": ("stale", ("params package.gates[0].at_least",)),
        }
        shown = as_markdown(diff)
        assert "- rebuilt: nothing\n- **stale**: `check`, `finetune`, `calibrate`, `package`;" in shown
        assert "| `calibrate` | stale | `since the last run: code stages/calibrate/method.py` |" in shown


def test_edits_before_and_after_the_last_build_of_a_branch_are_both_listed(repository: Repository) -> None:
    repository.git("switch", "--quiet", "pr")
    repository.edit("stages/calibrate/method.py", "temperature", "isotonic")
    build = {build.stage: build for build in diff_of("main", None).stages}["calibrate"]
    assert (build.state, build.since) == ("rebuilt", ("code stages/calibrate/method.py",))
    assert build.reasons == ("inputs artifacts/evaluate", "code stages/calibrate/method.py")


def test_rows_are_paired_only_where_id_label_and_content_agree(
    diff: TeacherDiff, predicted: dict[str, dict[str, tuple[str, int, bool]]]
) -> None:
    before, after = predicted["main"], predicted["pr"]
    common = {n for n in before.keys() & after.keys() if before[n][:2] == after[n][:2]}
    test = {found.metric: found for found in diff.predictions.tests}["evaluate.test.accuracy"]
    assert test.rows == len(common)
    assert test.before == pytest.approx(np.mean([before[n][2] for n in common]))
    lost = sorted(n for n in common if before[n][2] and not after[n][2])
    won = sorted(n for n in common if after[n][2] and not before[n][2])
    (flips,) = diff.predictions.flips
    assert sorted(flip.id for flip in flips.right_to_wrong) == lost
    assert sorted(flip.id for flip in flips.wrong_to_right) == won
    assert all(flip.text == after[flip.id][0] for flip in flips.wrong_to_right)
    assert all(LABELS[after[flip.id][1]] == flip.label == flip.after[0] for flip in flips.wrong_to_right)
    assert won, "the better teacher must win some rows, or this tests nothing"
    assert test.p_value == pytest.approx(binomtest(len(won), len(won) + len(lost)).pvalue)
    assert test.differs


def test_every_class_has_its_own_exact_test(
    diff: TeacherDiff, predicted: dict[str, dict[str, tuple[str, int, bool]]]
) -> None:
    for code, name in enumerate(LABELS):
        group = {group.name: group for group in diff.predictions.classes}[f"label = {name}"]
        rows = [
            (before[2], after[2])
            for n, before in predicted["main"].items()
            if (after := predicted["pr"].get(n)) and before[:2] == after[:2] and before[1] == code
        ]
        assert group.rows == len(rows)
        assert group.wrong_to_right == sum(after and not before for before, after in rows)
        discordant = group.wrong_to_right + group.right_to_wrong
        p_value = binomtest(group.wrong_to_right, discordant).pvalue if discordant else 1.0
        assert group.p_value == pytest.approx(p_value)
        assert group.q_value >= group.p_value
    assert any(group.significant for group in diff.predictions.classes)
    assert diff.predictions.slices


def test_changes_of_the_data_are_counted(diff: TeacherDiff) -> None:
    assert diff.data is not None
    counts = diff.data.counts()
    assert (counts["added"], counts["removed"], counts["edited"], counts["relabelled"]) == (1, 1, 1, 1)
    assert counts["moved"] == 0


def test_gates_are_checked_with_the_reports_of_their_own_side(diff: TeacherDiff, built: Path) -> None:
    gate, gain = diff.gates  # the second, over the untrained base, holds in every declaration
    assert (gain.metric, gain.state) == ("evaluate.gain.test.accuracy", "passes")
    assert gate.limits == ("≥ 0.5", "≥ 0.4")
    assert gate.loosened
    assert gate.state == "passes"


def test_a_gate_that_fails_now_is_a_headline(repository: Repository) -> None:
    repository.edit("params.yaml", "at_least: 0.5", "at_least: 0.99")
    diff = diff_of("main", None)
    assert [gate.state for gate in diff.gates] == ["now fails", "passes"]
    assert not diff.gates[0].loosened
    assert "**not ready**: fails `evaluate.test.accuracy`" in as_markdown(diff)


def test_a_teacher_against_itself_shows_nothing(shared_repository: Repository) -> None:
    diff = diff_of("main", "main")
    assert not diff.params
    assert not diff.environment
    assert {build.state for build in diff.stages} == {"reused"}
    assert diff.same_predictions
    assert diff.same_data
    assert not diff.not_compared
    assert "predictions and calibration are the same bytes" in as_markdown(diff)


def test_artifacts_missing_from_the_cache_are_reported_and_the_rest_is_compared(
    repository: Repository,
) -> None:
    lost = find_revision("pr").outs["artifacts/evaluate"]
    for place in (repository.root / ".dvc/cache", repository.root.parent / "remote"):
        (place / "files/md5" / lost[:2] / lost[2:]).unlink()
    diff = diff_of("main", "pr")
    (line,) = diff.not_compared
    assert "artifacts/evaluate of pr is neither in the DVC cache nor in a remote" in line
    assert not diff.predictions.tests
    assert diff.data is not None
    assert {n.metric for n in diff.numbers} >= {"evaluate.test.accuracy", "calibrate.test.nll.after"}
    assert " ".join(line.replace("`", "ˋ").split()) in as_markdown(diff)


def test_predictions_that_cannot_be_read_are_reported_and_the_rest_is_compared(
    repository: Repository,
) -> None:
    cache, outs = local_cache(), find_revision("pr").outs
    for artifact, file in (
        ("artifacts/evaluate", "predictions.json"),
        ("artifacts/prepare", "prepared.json"),
    ):
        stored = cache.path((cache.files(outs[artifact]) or {})[file])
        stored.chmod(0o644)
        stored.write_text("{}")  # such as another version of this code wrote
    diff = diff_of("pr", None)
    assert [line.partition(":")[0] for line in diff.not_compared][:2] == [
        "data",
        "predictions",
    ]
    assert diff.params
    assert diff.gates


def test_images_in_folders_of_plots_are_compared(diff: TeacherDiff) -> None:
    (image,) = diff.images
    assert image.path == "reports/evaluate/plots/accuracy.png"
    assert image.before
    assert image.after
    assert f"- `{image.path}`" in as_markdown(diff)


def test_every_tested_metric_is_one_that_is_reported(diff: TeacherDiff) -> None:
    names = reported_names("classification", {"test": "test"}).all
    assert {test.metric for test in diff.predictions.tests} <= names


def test_a_fresh_clone_compares_from_the_remote(repository: Repository, diff: TeacherDiff) -> None:
    shutil.rmtree(repository.root / ".dvc/cache")
    assert as_json(diff_of("main", "pr")) == as_json(diff)


def test_text_of_the_data_is_not_markup(diff: TeacherDiff) -> None:
    hostile = "@team <img src=x onerror=alert(1)> | `x` [a](http://b) </code>\n# title"
    flips = diff.predictions.flips[0]
    flip = flips.wrong_to_right[0].__class__(**{**vars(flips.wrong_to_right[0]), "text": hostile})
    changed = vars(diff.predictions) | {"flips": (type(flips)(flips.split, flips.rows, (flip,), ()),)}
    attacked = TeacherDiff(**{**vars(diff), "predictions": type(diff.predictions)(**changed)})
    (line,) = [line for line in as_markdown(attacked).splitlines() if "@team" in line]
    # All of it is in one code span, in one cell.
    span = line[line.index("`@team") :]
    assert span.count("`") == 2
    assert span.endswith("` |")
    assert span.count("|") - span.count("\\|") == 1
    page = as_html(attacked)
    assert "<img src=x" not in page
    assert "@team &lt;img" in page
    assert "@team" not in as_markdown(attacked, texts=False) + as_html(attacked, texts=False)
    assert "@team" not in json.dumps(as_json(attacked, texts=False))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_self_contained(diff: TeacherDiff) -> None:
    tags = _Tags()
    tags.feed(as_html(diff))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags.found}
    sources = [values["src"] or "" for tag, values in tags.found if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_the_command_writes_the_same_bytes_again(
    shared_repository: Repository, tmp_path: Path, diff: TeacherDiff
) -> None:
    files = [tmp_path / name for name in ("first", "second")]
    for file in files:
        arguments = ["diff", "main", "pr", "--format", "json", "--output", str(file)]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert json.loads(files[0].read_text())["params"][0]["name"] == "finetune.skill"
    assert as_html(diff) == as_html(diff)


def test_revisions_that_do_not_exist_or_were_never_built_are_refused(shared_repository: Repository) -> None:
    first = shared_repository.git("rev-list", "--max-parents=0", "HEAD")
    for arguments, words in (
        (["diff", first, "main"], "no stage was built"),
        (["diff", "nope"], "no such branch, tag, commit or experiment"),
    ):
        found = CliRunner().invoke(main, arguments)
        assert found.exit_code == 1
        assert words in found.stderr
