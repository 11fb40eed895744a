"""`diff` against what git, DVC and scipy say of the same two revisions."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from dvc.api import DVCFileSystem
from scipy.stats import binomtest

from teacherspec.calibrators.fit import fit
from teacherspec.calibrators.fitted import apply
from teacherspec.cli.main import main
from teacherspec.compare.classification.predictions import compare_classes
from teacherspec.compare.compare import FORMS, Review, as_json, compare
from teacherspec.compare.html import as_html
from teacherspec.compare.markdown import as_markdown
from teacherspec.compare.paired_predictions import Evaluated, Sides
from teacherspec.compare.revision import find_revision
from teacherspec.metrics.proper_scores import nll
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.calibrate import NoCalibration
from teacherspec.tasks.interfaces.declaration import OutputType
from tests.pipeline.gitops.sandbox import Sandbox
from tests.unit.calibrate.toy_predictions import toy_split, write_folder
from tests.unit.calibrators.test_calibrators import LABELS as CLASSES
from tests.unit.calibrators.test_calibrators import LOGITS, each_method

LABELS = ("cold", "hot", "wet")


def reviewed(base: str, head: str | None) -> Review:
    return compare(find_revision(base), find_revision(head))


@pytest.fixture(scope="module")
def review(built: Path) -> Review:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(built / "repository")
        return reviewed("main", "pr")


@pytest.fixture(scope="module")
def answers(built: Path) -> dict[str, dict[str, tuple[str, int, bool]]]:
    """Branch → id → text, label and whether it is answered right, read without any code of ours."""
    found: dict[str, dict[str, tuple[str, int, bool]]] = {}
    for branch in ("main", "pr"):
        files = DVCFileSystem(str(built / "repository"), rev=branch)
        with files.open("artifacts/evaluate/predictions/test.parquet", "rb") as file:
            predicted = pq.read_table(file).to_pylist()
        with files.open("artifacts/prepare/test.parquet", "rb") as file:
            texts = {row["id"]: row["text"] for row in pq.read_table(file).to_pylist()}
        found[branch] = {
            row["id"]: (texts[row["id"]], row["label"], int(np.argmax(row["logits"])) == row["label"])
            for row in predicted
        }
    return found


def test_changed_params_are_told_with_both_values(review: Review) -> None:
    assert [(c.name, c.before, c.after) for c in review.params] == [
        ("finetune.skill", "0.6", "0.9"),
        ("package.gates[0].at_least", "0.5", "0.4"),
    ]


def test_the_environment_is_compared_by_pins(review: Review) -> None:
    (change,) = review.environment
    assert change.name == "numpy"
    assert change.after == f"99.{change.before}"


def test_stages_are_rebuilt_for_reasons(review: Review) -> None:
    states = {build.stage: (build.state, build.reasons) for build in review.stages}
    assert states["prepare"] == ("rebuilt", ("inputs data/toy/rows.jsonl",))
    assert states["finetune"] == ("rebuilt", ("inputs artifacts/prepare", "params finetune.skill"))
    assert states["calibrate"] == (
        "rebuilt",
        ("inputs artifacts/evaluate", "code stages/calibrate/method.py"),
    )
    assert not any(build.since for build in review.stages)
    assert states["package"][0] == "rebuilt"
    assert "params package.gates[0].at_least" in states["package"][1]


def test_a_stage_that_nobody_rebuilt_after_an_edit_is_not_reused(sandbox: Sandbox) -> None:
    sandbox.edit("stages/calibrate/method.py", "temperature", "isotonic")
    sandbox.edit("params.yaml", "at_least: 0.5", "at_least: 0.4")
    sandbox.edit("dvc.yaml", "road.py finetune", "road.py  finetune")
    edited = sandbox.commit("Edit without a run")
    for head in (edited, None):
        review = reviewed("main", head)
        assert {build.stage: (build.state, build.since) for build in review.stages} == {
            "prepare": ("reused", ()),
            "finetune": ("not rebuilt", ("command",)),
            "evaluate": ("reused", ()),
            "calibrate": ("not rebuilt", ("code stages/calibrate/method.py",)),
            "package": ("not rebuilt", ("params package.gates[0].at_least",)),
        }
        told = as_markdown(review)
        assert "- rebuilt: nothing\n- **not built from what is here**: finetune, calibrate, package;" in told
        assert "| calibrate | not rebuilt | `since the last run: code stages/calibrate/method.py` |" in told


def test_an_edit_after_the_last_build_of_a_branch_is_said_beside_why_it_was_built(sandbox: Sandbox) -> None:
    sandbox.git("switch", "--quiet", "pr")
    sandbox.edit("stages/calibrate/method.py", "temperature", "isotonic")
    build = {build.stage: build for build in reviewed("main", None).stages}["calibrate"]
    assert (build.state, build.since) == ("rebuilt", ("code stages/calibrate/method.py",))
    assert build.reasons == ("inputs artifacts/evaluate", "code stages/calibrate/method.py")


def test_rows_are_paired_only_where_id_label_and_content_agree(
    review: Review, answers: dict[str, dict[str, tuple[str, int, bool]]]
) -> None:
    before, after = answers["main"], answers["pr"]
    common = {n for n in before.keys() & after.keys() if before[n][:2] == after[n][:2]}
    test = {found.metric: found for found in review.answered.tests}["evaluate.test.accuracy"]
    assert test.rows == len(common)
    assert test.before == pytest.approx(np.mean([before[n][2] for n in common]))
    lost = sorted(n for n in common if before[n][2] and not after[n][2])
    won = sorted(n for n in common if after[n][2] and not before[n][2])
    (flips,) = review.answered.flips
    assert sorted(flip.id for flip in flips.right_to_wrong) == lost
    assert sorted(flip.id for flip in flips.wrong_to_right) == won
    assert all(flip.text == after[flip.id][0] for flip in flips.wrong_to_right)
    assert all(LABELS[after[flip.id][1]] == flip.label == flip.after[0] for flip in flips.wrong_to_right)
    assert won, "the better teacher must win some rows, or this tests nothing"
    assert test.p_value == pytest.approx(binomtest(len(won), len(won) + len(lost)).pvalue)
    assert test.differs


def test_every_part_has_its_own_exact_test(
    review: Review, answers: dict[str, dict[str, tuple[str, int, bool]]]
) -> None:
    for code, name in enumerate(LABELS):
        part = {part.name: part for part in review.answered.classes}[f"label = {name}"]
        rows = [
            (before[2], after[2])
            for n, before in answers["main"].items()
            if (after := answers["pr"].get(n)) and before[:2] == after[:2] and before[1] == code
        ]
        assert part.rows == len(rows)
        assert part.wrong_to_right == sum(after and not before for before, after in rows)
        discordant = part.wrong_to_right + part.right_to_wrong
        expected = binomtest(part.wrong_to_right, discordant).pvalue if discordant else 1.0
        assert part.p_value == pytest.approx(expected)
        assert part.q_value >= part.p_value
    assert any(part.moved for part in review.answered.classes)
    assert review.answered.slices


def test_changes_of_the_data_are_counted(review: Review) -> None:
    assert review.data is not None
    counts = review.data.counts()
    assert (counts["added"], counts["removed"], counts["edited"], counts["relabelled"]) == (1, 1, 1, 1)
    assert counts["moved"] == 0


def test_gates_are_judged_by_their_own_sides(review: Review, built: Path) -> None:
    (gate,) = review.gates
    assert gate.limits == ("≥ 0.5", "≥ 0.4")
    assert gate.loosened
    assert gate.crossing == "kept"


def test_a_gate_that_is_missed_now_is_a_headline(sandbox: Sandbox) -> None:
    sandbox.edit("params.yaml", "at_least: 0.5", "at_least: 0.99")
    review = reviewed("main", None)
    assert [gate.crossing for gate in review.gates] == ["now missed"]
    assert not review.gates[0].loosened
    assert "**not ready**: misses `evaluate.test.accuracy`" in as_markdown(review)


def test_a_teacher_against_itself_shows_nothing(repository: Sandbox) -> None:
    review = reviewed("main", "main")
    assert not review.params
    assert not review.environment
    assert {build.state for build in review.stages} == {"reused"}
    assert review.same_answers
    assert review.same_data
    assert not review.not_compared
    assert "every answer is as it was" in as_markdown(review)


def test_a_cache_without_the_other_side_is_said_and_the_rest_compared(sandbox: Sandbox) -> None:
    lost = find_revision("main").outs["artifacts/evaluate"]
    for place in (sandbox.root / ".dvc/cache", sandbox.root.parent / "remote"):
        (place / "files/md5" / lost[:2] / lost[2:]).unlink()
    review = reviewed("main", "pr")
    (line,) = review.not_compared
    assert "artifacts/evaluate of main is neither in the DVC cache nor in a remote" in line
    assert not review.answered.tests
    assert review.data is not None
    assert {n.metric for n in review.numbers} >= {"evaluate.test.accuracy", "calibrate.test.nll.after"}
    assert line in as_markdown(review)


def test_predictions_that_cannot_be_read_are_said_and_the_rest_compared(sandbox: Sandbox) -> None:
    (sandbox.root / "artifacts/evaluate/predictions.json").unlink()
    (sandbox.root / "artifacts/prepare/prepared.json").unlink()
    review = reviewed("pr", None)
    assert [line.partition(":")[0] for line in review.not_compared][:2] == [
        "data",
        "answers to the same rows",
    ]
    assert review.params
    assert review.gates


def test_a_fresh_clone_compares_from_the_remote(sandbox: Sandbox, review: Review) -> None:
    shutil.rmtree(sandbox.root / ".dvc/cache")
    assert as_json(reviewed("main", "pr")) == as_json(review)


def test_predictions_of_every_form_can_be_compared() -> None:
    assert set(FORMS) == set(get_args(OutputType))


@each_method
def test_every_calibrator_is_compared_with_another(tmp_path: Path, method: Any) -> None:
    """A change of the method is what calibration is reviewed for."""
    calibrators = (fit(NoCalibration(kind="none"), LOGITS, CLASSES), fit(method, LOGITS, CLASSES))
    sides = []
    for name, fitted in zip(("a", "b"), calibrators, strict=True):
        folder = write_folder(tmp_path / name, {"test": ("test", toy_split("test", 300))})
        write_json(folder / "calibration.json", {"calibrator": fitted.calibrator.model_dump(mode="json")})
        sides.append(Evaluated(name, folder, folder / "calibration.json", {}))
    missing: list[str] = []
    answered = compare_classes(Sides(sides[0], sides[1], frozenset(), None), missing)
    assert not missing
    test = {test.metric: test for test in answered.tests}["calibrate.test.nll.after"]
    split = toy_split("test", 300)
    expected = nll(apply(calibrators[1].calibrator, split.logits.astype(np.float64)), split.labels)
    assert test.after == pytest.approx(expected)
    assert test.differs == (method.kind != "none")


def test_foreign_text_is_no_markup(review: Review) -> None:
    hostile = "@team <img src=x onerror=alert(1)> | `x` [a](http://b) </code>\n# title"
    flips = review.answered.flips[0]
    flip = flips.wrong_to_right[0].__class__(**{**vars(flips.wrong_to_right[0]), "text": hostile})
    changed = vars(review.answered) | {"flips": (type(flips)(flips.split, flips.rows, (flip,), ()),)}
    attacked = Review(**{**vars(review), "answered": type(review.answered)(**changed)})
    (line,) = [line for line in as_markdown(attacked).splitlines() if "@team" in line]
    # All of it stands in one code span, in one cell.
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


def test_the_page_needs_nothing_else(review: Review) -> None:
    tags = _Tags()
    tags.feed(as_html(review))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags.found}
    sources = [values["src"] or "" for tag, values in tags.found if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_the_command_writes_the_same_bytes_again(repository: Sandbox, tmp_path: Path, review: Review) -> None:
    files = [tmp_path / name for name in ("first", "second")]
    for file in files:
        arguments = ["diff", "main", "pr", "--format", "json", "--output", str(file)]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert json.loads(files[0].read_text())["params"][0]["name"] == "finetune.skill"
    assert as_html(review) == as_html(review)


def test_what_was_never_built_or_is_no_revision_is_refused(repository: Sandbox) -> None:
    first = repository.git("rev-list", "--max-parents=0", "HEAD")
    for arguments, words in (
        (["diff", first, "main"], "no stage was built"),
        (["diff", "nope"], "no such revision"),
    ):
        found = CliRunner().invoke(main, arguments)
        assert found.exit_code == 1
        assert words in found.stderr
