"""The built wheel, installed: `teacherspec init` on a table, build, upgrade; nothing of this clone runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import ROOT
from tests.toys.plugin_packages import install_example
from tests.toys.text import LABELS, toy_base, toy_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel of this project is installed, without what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("teacherspec-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "lib"), str(wheel)], check=True)
    return folder / "lib"


def run(cwd: Path, library: Path, *command: str, code: int = 0) -> str:
    """Run a command with the installed library alone; returns what it printed."""
    variables: Mapping[str, str] = {
        **os.environ,
        "PYTHONPATH": str(library),
        "PYTHONSAFEPATH": "",
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "someone",
        "GIT_CONFIG_KEY_1": "user.email",
        "GIT_CONFIG_VALUE_1": "someone@example.org",
    }
    given = [sys.executable, "-m", "teacherspec", *command[1:]] if command[0] == "teacherspec" else command
    done = subprocess.run(given, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_table_becomes_a_teacher(installed: Path, tmp_path: Path) -> None:
    texts, labels = toy_rows(240, seed=0)
    rows = "".join(f"{text};{LABELS[label]}\n" for text, label in zip(texts, labels, strict=True))
    (tmp_path / "weather.csv").write_text(f"Satz;Wetter\n{rows}", encoding="latin-1")
    shown = run(tmp_path, installed, "teacherspec", "init", "mine", "--data", "weather.csv")
    assert "delimiter" in shown
    root = tmp_path / "mine"
    use_toy_base(root)
    run(root, installed, "git", "add", ".")
    run(root, installed, "git", "commit", "-qm", "Declare")
    run(root, installed, "teacherspec", "check")
    run(root, installed, "teacherspec", "repro")
    assert json.loads((root / "artifacts/teacher/READINESS.json").read_text())
    run(root, installed, "teacherspec", "verify-lock")
    run(root, installed, "git", "add", ".")
    run(root, installed, "git", "commit", "-qm", "Build")

    # Another version of the library, whose calibration changed: those stages are refused, then renewed.
    module = installed / "teacherspec/calibrate/run.py"
    module.write_text(module.read_text() + "\n# changed\n")
    stated = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(re.sub("method: .*", "method: {kind: temperature}", stated))
    assert "another one" in run(root, installed, "teacherspec", "repro", code=1)
    (root / "params.yaml").write_text(stated)
    diff = run(root, installed, "teacherspec", "init", "--upgrade", "--yes")
    assert re.findall(r"^\+  (\w+):", diff, re.MULTILINE) == ["calibrate"]
    status = run(root, installed, "teacherspec", "status")
    assert "code.calibrate" in status
    assert "code.finetune" not in status


def test_a_kind_in_a_package_of_the_user(installed: Path, tmp_path: Path) -> None:
    """The example, installed from its wheel, is declared, built and loaded; its code is a dependency."""
    both = install_example(tmp_path)
    shutil.copytree(installed, both, dirs_exist_ok=True)
    texts, labels = toy_rows(240, seed=0)
    halves = [(text.partition(" "), LABELS[label]) for text, label in zip(texts, labels, strict=True)]
    rows = "".join(f"{subject},{body},{label}\n" for (subject, _, body), label in halves)
    (tmp_path / "weather.csv").write_text(f"subject,body,label\n{rows}")
    wanted = ("--data", "weather.csv", "--task", "text_classification", "--column", "text=body")
    run(tmp_path, both, "teacherspec", "init", "mine", *wanted)
    root = tmp_path / "mine"
    use_toy_base(root)
    text = (root / "params.yaml").read_text()
    text = re.sub(r"kind: text_classification.*", "kind: ticket", text)
    text = re.sub(r"\n    columns:.*(\n      .*)*\n    other_columns:.*", "", text)
    text = text[: text.index("\nprobe:")] + "\nprobe: {}\n" + text[text.index("\npackage:") :]
    gates = "  gates:\n  - {metric: evaluate.test.accuracy, at_least: 0.1}\n"
    (root / "params.yaml").write_text(text[: text.index("  gates:")] + gates)
    run(root, both, "git", "add", ".")
    run(root, both, "git", "commit", "-qm", "Declare")
    run(root, both, "teacherspec", "check")
    shown = run(root, both, "teacherspec", "repro", code=1)
    assert "kind ticket of acme-tickets 0.1.0 is not stated" in shown
    diff = run(root, both, "teacherspec", "init", "--upgrade", "--yes")
    assert '+  ticket: "acme-tickets 0.1.0"' in diff
    run(root, both, "teacherspec", "repro")
    row = "[{'subject': 'the ice', 'body': 'snow and frost'}]"
    load = "from pathlib import Path; from teacherspec.serving import load_teacher; "
    code = f"{load}print(load_teacher(Path('artifacts/teacher')).probs({row}).shape)"
    assert "(1, 3)" in run(root, both, sys.executable, "-c", code)
    missing = run(root, installed, sys.executable, "-c", code, code=1)
    assert "provenance/spec.json declares a task of kind ticket, which is not known here" in missing

    module = both / "acme_tickets.py"
    module.write_text(module.read_text() + "\n# changed\n")
    assert "code of kind ticket is another one" in run(root, both, "teacherspec", "repro", code=1)
    run(root, both, "git", "add", ".")
    run(root, both, "git", "commit", "-qm", "Build")
    run(root, both, "teacherspec", "init", "--upgrade", "--yes")
    status = run(root, both, "teacherspec", "status")
    assert "tasks.ticket" in status
    changed = json.loads(run(root, both, sys.executable, "-m", "dvc", "status", "--json"))
    params = {
        name
        for name, found in changed.items()
        if any("versions.yaml" in one.get("changed deps", {}) for one in found if isinstance(one, dict))
    }
    assert params == {"prepare", "base", "check_rows", "finetune", "evaluate", "probe", "package"}


def use_toy_base(root: Path) -> None:
    """Declare a base that is built in a second."""
    toy_base(root / "bases/toy")
    text = (root / "params.yaml").read_text()
    begin, end = text.index("  source:\n    kind: wheel"), text.index("finetune:\n")
    base = "  source: {kind: path, folder: bases/toy}\n  license: apache-2.0\n\n"
    text = text[:begin] + base + text[end:].replace("max_length: 64", "max_length: 32")
    (root / "params.yaml").write_text(re.sub(r"max_length: \d+", "max_length: 32", text))


def test_two_teachers_and_one_is_edited(installed: Path, tmp_path: Path) -> None:
    """Only its stages run; the other stays as it is, with the same rows and base."""
    texts, labels = toy_rows(240, seed=0)
    rows = "".join(f"{text},{LABELS[label]}\n" for text, label in zip(texts, labels, strict=True))
    (tmp_path / "weather.csv").write_text(f"text,label\n{rows}")
    run(tmp_path, installed, "teacherspec", "init", "ours", "--add", "weather", "--data", "weather.csv")
    root = tmp_path / "ours"
    toy_base(root / "bases/toy")
    shared = root / "teachers/shared.yaml"
    text = shared.read_text()
    begin, end = text.index("  source:\n"), text.index("finetune:\n")
    base = "  source: {kind: path, folder: ../../bases/toy}\n  license: apache-2.0\n\n"
    text = text[:begin] + base + text[end:].replace("  students:", "  students: []\n  unused:")
    text = text[: text.index("  unused:")] + text[text.index("package:\n") :]
    gates = text.index("  gates:")
    limits = {"evaluate.test.accuracy": 0.1, "evaluate.gain.test.accuracy": -1}  # not the quality of a toy
    lines = [f"  - {{metric: {metric}, at_least: {limit}}}\n" for metric, limit in limits.items()]
    shared.write_text(f"{text[:gates]}  gates:\n{''.join(lines)}")
    add = ("init", "--add", "climate", "--data", "data/weather/weather.csv", "--yes")
    run(root, installed, "teacherspec", *add)
    for name in ("weather", "climate"):
        own = root / f"teachers/{name}/teacher.yaml"
        own.write_text(re.sub(r"max_length: \d+", "max_length: 32", own.read_text()))
    with (root / "teachers/climate/teacher.yaml").open("a") as own:
        own.write("\nevaluate:\n  batch_size: 32\n")
    run(root, installed, "teacherspec", "repro")
    run(root, installed, "git", "add", ".")
    run(root, installed, "git", "commit", "-qm", "Build")
    run(root, installed, "teacherspec", "verify-lock")
    run(root, installed, "teacherspec", "verify-lock", "--staged")

    own = root / "teachers/climate/teacher.yaml"
    own.write_text(own.read_text().replace("batch_size: 32", "batch_size: 16"))
    assert states(root, installed) == {"climate": "stale: check", "weather": "up to date"}
    shown = run(root, installed, sys.executable, "-m", "dvc", "repro", code=255)
    assert "evaluate.batch_size: 32 is written, and teacher.yaml" in shown
    run(root / "teachers/climate", installed, "teacherspec", "check", "--write")
    shown = run(root, installed, sys.executable, "-m", "dvc", "repro")
    ran = re.findall(r"Running stage '(?:teachers/(\w+)/dvc.yaml:)?(\w+)'", shown)
    assert {teacher for teacher, _ in ran} == {"climate"}
    assert {"check", "evaluate"} <= {stage for _, stage in ran}
    assert not {"prepare", "base", "finetune"} & {stage for _, stage in ran}
    assert "evaluate.batch_size" in run(
        root, installed, "teacherspec", "--teacher", "climate", "diff", "HEAD"
    )
    changed = run(root, installed, "git", "status", "--porcelain").splitlines()
    assert all(line[3:].startswith("teachers/climate/") for line in changed)

    run(root, installed, "git", "add", ".")
    run(root, installed, "git", "commit", "-qm", "Smaller batches")
    run(root, installed, "teacherspec", "--teacher", "climate", "release", "v1.0.0")
    run(root, installed, "teacherspec", "--teacher", "weather", "release", "v2.0.0")
    assert run(root, installed, "git", "tag").split() == ["climate@v1.0.0", "weather@v2.0.0"]
    assert states(root, installed) == {"climate": "up to date", "weather": "up to date"}


def states(root: Path, installed: Path) -> dict[str, str]:
    """Name → state of each teacher."""
    return {
        row["name"]: row["state"] for row in json.loads(run(root, installed, "teacherspec", "list", "--json"))
    }
