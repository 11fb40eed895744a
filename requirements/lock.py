"""Resolve the pins of pyproject.toml in fresh environments; write the requirements files.

    python requirements/lock.py        (a few minutes; needs the package index)

Written by pip's own resolver from what it really installs. Local build tags (`+cpu`) are dropped, so the
files name the same versions for CPU and CUDA builds of torch; pip adds what a CUDA build needs.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIPELINE = ("data", "model", "language", "maths", "ratings", "reports", "pipeline")
HEADER = "# Written by requirements/lock.py from the pins in pyproject.toml; do not edit.\n"


def freeze(pins: list[str]) -> list[str]:
    """Every distribution that installing `pins` into an empty environment brings, pinned, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
        done = subprocess.run(
            [python, "-m", "pip", "list", "--format=freeze", "--exclude", "pip", "--exclude", "setuptools"],
            check=True,
            capture_output=True,
            text=True,
        )
    lines = (line.split("+")[0] for line in done.stdout.splitlines() if "==" in line)
    return sorted(lines, key=str.lower)


def added(pins: list[str], constraints: Path) -> list[str]:
    """What installing `pins` adds to the environment of `constraints`, pinned, sorted; installs nothing."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        subprocess.run(
            [*command, "--report", str(report), "--constraint", str(constraints), *pins], check=True
        )
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    present = set(constraints.read_text().lower().splitlines())
    lines = (f"{item['name']}=={item['version'].split('+')[0]}" for item in found)
    return sorted((line for line in lines if line.lower() not in present), key=str.lower)


def main() -> None:
    """Write the files."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pipeline = freeze([pin for group in PIPELINE for pin in groups[group]])
    everything = freeze([*pipeline, *groups["dev"], *groups["qlora"], *groups["gguf"]])
    development = [line for line in everything if line not in pipeline]
    (ROOT / "requirements.txt").write_text(HEADER + "\n".join(pipeline) + "\n")
    (ROOT / "requirements-dev.txt").write_text(
        HEADER + "-r requirements.txt\n" + "\n".join(development) + "\n"
    )
    (ROOT / "requirements/docs.txt").write_text(HEADER + "\n".join(freeze(groups["docs"])) + "\n")
    for group in (name for name in groups if name.startswith("remote-")):
        plugin = added(groups[group], ROOT / "requirements.txt")
        target = ROOT / "requirements/remotes" / f"{group.removeprefix('remote-')}.txt"
        target.write_text(HEADER + "\n".join(plugin) + "\n")


if __name__ == "__main__":
    main()
