"""One part that fails, hangs or lacks a library reports it and loses no other; figures become ratios."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from benchmarks.gpu import __main__ as program
from benchmarks.gpu.parts import PARTS, Part, Result, one_accelerator, run
from benchmarks.gpu.table import line, markdown, ratios
from benchmarks.page import fill

ROOT = Path(__file__).parents[3]
PART = Part("a part", "attention", 60)


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('out of memory')", "failed: out of memory"),
        ("import sys; sys.exit(3)", "failed: exit code 3"),
        ("print('no figures')", "failed: it printed no figures"),
        ("", "failed: it printed no figures"),
        ("import os; os.kill(os.getpid(), 9)", "failed: exit code -9"),
    ],
)
def test_a_part_that_fails_says_why(code: str, reason: str) -> None:
    assert run(PART, python(code), 60) == Result(reason=reason)


def test_figures_are_the_last_line() -> None:
    found = run(PART, python('print("a library talks"); print(\'{"ms": 1.5}\')'), 60)
    assert found == Result({"ms": 1.5})


def test_a_part_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = (
        "import subprocess, sys, time, pathlib\n"
        "one = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(one.pid)); time.sleep(600)"
    )
    found = run(PART, python(child), 2)
    assert found == Result(reason="over its limit of 2 s")
    if (tmp_path / "pid").is_file():  # on a slow machine it was ended before
        pid = int((tmp_path / "pid").read_text())
        left = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=60)[1]
        assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


def test_without_its_library_or_its_time_a_part_is_not_started() -> None:
    missing = Part("a part", "training", 60, needs="no_such_library")
    assert run(missing, ["/no/such/program"], 60).reason == "skipped: no_such_library is not installed"
    assert run(PART, ["/no/such/program"], -1.0).reason.startswith("not reached")


def test_the_limits_fit_ten_minutes() -> None:
    assert sum(part.seconds for part in PARTS) <= program.SECONDS
    assert len({part.name for part in PARTS}) == len(PARTS)


def test_a_process_sees_one_accelerator() -> None:
    assert one_accelerator({})["CUDA_VISIBLE_DEVICES"] == "0"
    assert one_accelerator({"CUDA_VISIBLE_DEVICES": "2,3"})["CUDA_VISIBLE_DEVICES"] == "2"


RESULTS = {
    "training": Result({"tokens_per_s": 3000.0, "losses": [10.8, 9.5], "mfu": None, "parameters": 5}),
    "training, Trainer": Result({"tokens_per_s": 1000.0}),
    "training, TRL": Result(reason="skipped: trl is not installed"),
    "attention": Result({"blocks": {"ms": 2.0}, "varlen": {"ms": 1.0}, "FlexAttention": {"failed": "x"}}),
    "scoring": Result(
        {
            "evaluation_tokens_per_s": 8.0,
            "soft_target_tokens_per_s": 6.0,
            "plain_tokens_per_s": 2.0,
        }
    ),
    "memory": Result({"counted_gib": 10.0, "measured_gib": 11.0}),
}


def test_above_1_ours_is_better_and_what_was_not_measured_is_no_ratio() -> None:
    found = {
        (one.what.partition(",")[0], one.peer): one.ratio for one in ratios(RESULTS, "2026-12-01", "one")
    }
    assert found == {
        ("training a 1.07 B Llama", "Trainer, padded to the longest row"): 3.0,
        ("evaluating rows by a 1.07 B Llama", "padded batches, softmax of every position"): 4.0,
        ("soft targets of a 1.07 B Llama", "padded batches, softmax of every position"): 3.0,
        ("attention within packed rows", "varlen"): 0.5,
        ("memory of a training step", "the accelerator's own count"): 1.1,
    }


def test_lines_show_every_figure_and_every_reason(tmp_path: Path) -> None:
    assert line("a", RESULTS["training"]) == (
        "a: tokens_per_s 3,000, losses 10.8 → 9.5, mfu not measured, parameters 5"
    )
    assert line("a", RESULTS["attention"]) == "a: blocks ms 2, varlen ms 1, FlexAttention failed x"
    page = tmp_path / "README.md"
    page.write_text("<!-- figures -->\nnot measured\n<!-- /figures -->\n")
    fill(page, "figures", markdown(RESULTS))
    assert "| training, TRL | skipped: trl is not installed |" in page.read_text()


def test_the_page_names_every_part_and_its_limit() -> None:
    text = (ROOT / "benchmarks/gpu/README.md").read_text(encoding="utf-8")
    for part in PARTS:
        (row,) = (one for one in text.splitlines() if one.startswith(f"| {part.name} | "))
        assert row.endswith(f"| {part.seconds} s |")


def test_without_an_accelerator_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refused = CliRunner().invoke(program.main, ["--write"])
    assert (refused.exit_code, "no accelerator" in refused.output) == (1, True)
    assert CliRunner().invoke(program.main, ["--write", "--tiny"]).exit_code == 2


@pytest.mark.slow
def test_every_part_runs_on_toys(tmp_path: Path) -> None:
    results = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {name: one["figures"] for name, one in json.loads(results.read_text()).items()}
    assert set(found) == {part.name for part in PARTS}
    # All programs train the same model on the same rows.
    losses = [found[name]["losses"] for name in found if name.startswith("training") and found[name]]
    assert len(losses) >= 2
    assert losses == [pytest.approx(losses[0], rel=1e-3)] * len(losses)
    assert found["attention"]["blocks"]["ms"] > 0
    assert found["scoring"]["evaluation_tokens_per_s"] > 0
    assert found["memory"]["counted_gib"] > 0
    assert found["resume"]["same_bytes"]
    assert found["resume"]["same_bytes_without_a_kill"]
