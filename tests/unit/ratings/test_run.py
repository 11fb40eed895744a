"""From answers to a sheet, to ratings, to numbers: the command and the stage."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from stages.ratings import main as ratings_stage
from teacherspec.cli.main import main
from teacherspec.errors import DataError
from teacherspec.generated_answers import COLUMNS, FILE, AnswerPair, load_answers
from teacherspec.metric_names.generation import OPPONENTS, RATINGS
from teacherspec.package.quality_gates import find
from teacherspec.ratings.run import run_ratings
from teacherspec.ratings.sheet_key import load_keys
from teacherspec.ratings.win_rates import Level
from teacherspec.runtime.atomic_io import read_json, write_parquet
from tests.unit.check.example import RIGHT
from tests.unit.ratings.toy_ratings import Sheet, answered, make_sheet, save_answers, write_reviews

ROOT = Path(__file__).resolve().parents[3]
LEVEL = Level(confidence=0.95, resamples=50, seed=0)


def review(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["rating-sheet", *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_answers(Path("artifacts/evaluate"), answered(12, same=2))
    return tmp_path


def filled(sheet: Sheet, rater: str, better: str) -> list[dict[str, Any]]:
    numbers = range(len(sheet.key.items))
    return [
        {**sheet.line(number, better, left_rating=1 + number % 5, right_rating=3), "rater": rater}
        for number in numbers
    ]


def test_the_whole_way(here: Path) -> None:
    done = review("--pairs", "12", "--seed", "seed")
    assert done.exit_code == 0, done.output
    assert "10 pairs to rate, 2 more with equal answers (ties), 0 repeated rows left out" in done.output
    (page,) = (here / "artifacts/review").glob("*.html")
    (name,) = load_keys(here / "data/reviews")
    assert page.name == f"sheet-{name}.html"
    assert sorted(path.name for path in (here / "data/reviews").iterdir()) == [f"sheet-{name}.key.json"]
    sheet = make_sheet(answered(12, same=2))
    assert sheet.name == name
    ana, bo = filled(sheet, "ana", "teacher"), filled(sheet, "bo", "tie")[:5]
    write_reviews(here / "data/reviews", sheet, ana=ana, bo=bo)
    (here / "params.yaml").write_text(RIGHT)
    result = CliRunner().invoke(ratings_stage, ["data/reviews", "artifacts/evaluate", "reports/ratings"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("teacher against base: win rate 0.")
    numbers = read_json(here / "reports/ratings/metrics.json")
    assert set(numbers) == {"base"}
    known = {name for name in RATINGS if find(numbers["base"], name) is not None}
    assert known == RATINGS
    assert set(numbers) <= set(OPPONENTS)
    table = (here / "reports/ratings/pairs.tsv").read_text().splitlines()
    assert len(table) == 11
    scores = [float(line.split("\t")[2]) for line in table[1:]]
    assert scores == sorted(scores)


def test_seeds_are_secret_unless_given(here: Path) -> None:
    for _ in range(2):
        assert review().exit_code == 0
    assert len(load_keys(here / "data/reviews")) == 2


def test_the_same_seed_writes_the_same_bytes(here: Path) -> None:
    written = []
    for _ in range(2):
        assert review("--seed", "7").exit_code == 0
        files = [*Path("artifacts/review").iterdir(), *Path("data/reviews").iterdir()]
        written.append({path: path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) == 3


def test_what_cannot_be_reviewed_is_refused(here: Path) -> None:
    assert review("--show-expected", "--against", "reference").exit_code == 2
    save_answers(Path("same"), answered(3, same=3))
    done = review("--answers", "same")
    assert (done.exit_code, "nothing to rate" in done.output) == (1, True)
    done = review("--answers", "data") if Path("data").mkdir() is None else None
    assert (done.exit_code, "data/answers/test.parquet: not found" in done.output) == (1, True)
    assert not Path("artifacts/review").exists()


def test_no_reviews_are_no_numbers_and_ask_for_no_answers(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    assert run_ratings(tmp_path / "reviews", tmp_path / "nowhere", tmp_path / "report", LEVEL) == {}
    assert read_json(tmp_path / "report/metrics.json") == {}


def test_outdated_ratings_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = make_sheet(answered(6))
    save_answers(tmp_path / "evaluated", [*answered(3), AnswerPair("new", "p", (), "a", "b")])
    reviews = tmp_path / "reviews"
    reviews.mkdir()
    write_reviews(reviews, sheet, ana=filled(sheet, "ana", "teacher"))
    numbers = run_ratings(reviews, tmp_path / "evaluated", tmp_path / "report", LEVEL)["base"]
    assert (numbers["outdated"], numbers["pairs"]["rated"]) == (3, 3)
    assert (
        "ratings: 3 ratings against base are of answers that the teacher no longer gives"
        in capsys.readouterr().err
    )


def test_wrong_ratings_stop_the_stage_and_leave_no_report(tmp_path: Path) -> None:
    sheet = make_sheet(answered(3))
    write_reviews(tmp_path, sheet, ana=[{"sheet": "s"}, {"item": "p"}])
    with pytest.raises(DataError, match=r"(?s)ana\.jsonl:1: item.*ana\.jsonl:2: sheet"):
        run_ratings(tmp_path, tmp_path, tmp_path / "report", LEVEL)
    assert not (tmp_path / "report").exists()


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [*answered(2), AnswerPair("x", "", (), "", None), AnswerPair("y", "שלום\0", ("a", "b"), "\n", "")]
    save_answers(tmp_path, rows, correct=pa.array([True] * len(rows)))
    assert load_answers(tmp_path) == rows


def test_answers_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    save_answers(tmp_path, [*answered(2), *answered(1)])
    with pytest.raises(DataError, match=r"the ids \['row-0'\] are given more than once"):
        load_answers(tmp_path)
    write_parquet(tmp_path / FILE, pq.read_table(tmp_path / FILE).drop_columns([COLUMNS[-1]]))
    with pytest.raises(DataError, match="has no column base_text"):
        load_answers(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(DataError, match=r"not found; `dvc repro evaluate`"):
        load_answers(tmp_path)


@pytest.mark.slow
def test_dvc_takes_a_folder_without_ratings_and_sees_the_first_one(tmp_path: Path) -> None:
    """DVC refuses a dependency that is absent, so the folder is in git with a README that DVC ignores."""

    def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, capture_output=True, text=True
        )

    kept = Path("data/reviews/README.md")
    assert subprocess.run(["git", "ls-files", "--error-unmatch", kept], cwd=ROOT).returncode == 0
    (tmp_path / kept).parent.mkdir(parents=True)
    (tmp_path / kept).write_text("about")
    dvc("init", "--no-scm")
    (tmp_path / ".dvcignore").write_text((ROOT / ".dvcignore").read_text())
    stage = {"cmd": "echo {} > out", "deps": ["data/reviews"], "outs": ["out"]}
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": {"ratings": stage}}))
    assert dvc("repro").returncode == 0
    (tmp_path / kept).write_text("about something else")
    assert "up to date" in dvc("status").stdout
    (tmp_path / "data/reviews/ana.jsonl").write_text("{}\n")
    assert "data/reviews" in dvc("status").stdout
