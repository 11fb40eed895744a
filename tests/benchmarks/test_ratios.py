"""The table of all benchmarks shows what was recorded; no figure is recorded without its command."""

import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.__main__ import README, pages, parts, ratio_line
from benchmarks.pipeline.stage_times import StageTimes
from benchmarks.ratios import FOLDER, Ratio, load, record
from teacherspec.run_records.dvc_yaml import declared_stages
from teacherspec.runtime.atomic_io import write_json

MEASURED = Ratio("a", "b", "CPU seconds", 2.0, "python -m benchmarks.x", "2026-12-01", "2 cores")


def test_the_page_shows_what_is_recorded() -> None:
    text = README.read_text(encoding="utf-8")
    for name, lines in parts(StageTimes.recorded()).items():
        shown = text.partition(f"<!-- {name} -->\n")[2].partition(f"\n<!-- /{name} -->")[0]
        assert shown == "\n".join(lines), "run `python -m benchmarks`"


def test_every_recorded_ratio_names_a_program_of_its_own_page() -> None:
    found = [(folder, ratio) for folder in pages() for ratio in load(folder)]
    assert len(found) > 15
    for folder, ratio in found:
        module = shlex.split(ratio.command)[2]
        assert module.split(".")[:2] == ["benchmarks", folder.name]
        assert find_spec(module) is not None
        assert ratio.measure in {
            "CPU seconds",
            "wall seconds",
            "peak memory",
            "supervised tokens a CPU second",
            "images a CPU second",
        }


def test_recorded_ratios_have_a_page() -> None:
    assert {path.parent for path in FOLDER.glob("*/ratios.json")} <= set(pages())


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"command": ""}, "without a command"),
        ({"date": "yesterday"}, "isoformat"),
        ({"date": ""}, "isoformat"),
        ({"machine": ""}, "class of the machine"),
        ({"ratio": 0.0}, "above 0"),
        ({"ratio": None}, "does not say why"),
    ],
)
def test_a_figure_without_command_date_or_machine_is_refused(wrong: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Ratio(**{**MEASURED.__dict__, **wrong})  # type: ignore[arg-type]


def test_what_was_not_measured_is_shown_as_that() -> None:
    line = ratio_line(
        FOLDER / "x", Ratio("a", "b", "CPU seconds", None, "python -m benchmarks.x", note="no GPU")
    )
    assert "| not measured (no GPU) | – | – |" in line


def test_a_new_measurement_replaces_the_old_and_keeps_the_others(tmp_path: Path) -> None:
    other = Ratio("c", "b", "CPU seconds", None, "python -m benchmarks.x", note="later")
    record(tmp_path, [MEASURED, other])
    again = Ratio("a", "b", "CPU seconds", 3.0, "python -m benchmarks.x", "2026-12-02", "2 cores")
    record(tmp_path, [again])
    assert load(tmp_path) == [again, other]
    with pytest.raises(ValueError, match="twice"):
        record(tmp_path, [again, again])


def test_stage_times_are_of_a_whole_build(tmp_path: Path) -> None:
    root = FOLDER.parent
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text((root / name).read_text(encoding="utf-8"))
    stages = list(declared_stages(tmp_path))
    run = {
        "hardware": {"cpu": "a CPU", "threads": 2},
        "seconds": {"inputs": 0.25, "work": 1.0, "outputs": 0.75},
    }
    for name in stages[1:]:
        (tmp_path / "reports" / name).mkdir(parents=True)
        write_json(tmp_path / "reports" / name / "run.json", run)
    assert StageTimes.of_last_build(tmp_path) is None, "one stage came from the cache"
    (tmp_path / "reports" / stages[0]).mkdir()
    write_json(tmp_path / "reports" / stages[0] / "run.json", run)
    times = StageTimes.of_last_build(tmp_path)
    assert times is not None
    assert times.seconds == dict.fromkeys(stages, run["seconds"])
    assert f"{2 * len(stages)} s in all stages" in times.table()[0]
