"""The pins of a tag are compared with the installed versions; an environment with them is created once."""

import subprocess
from pathlib import Path

import pytest

from teacherspec.release.rebuild_env import environment_variables, python_with_pins, unmet_pins


def test_pins_are_compared_with_what_is_installed() -> None:
    from importlib.metadata import version

    met = f"numpy=={version('numpy')}\n# a comment\nDVC=={version('dvc')}  # upper case is the same\n"
    assert unmet_pins(met) == ()
    assert unmet_pins('nothing-like-this==1.0; sys_platform == "plan9"\n') == ()
    (change,) = unmet_pins(met + "nothing-like-this==1.0\n")
    assert (change.name, change.before, change.after) == ("nothing-like-this", "1.0", "–")


@pytest.mark.slow
def test_an_environment_with_given_pins_is_created_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    python = python_with_pins("# nothing needed\n")
    code = "import sys; print(sys.prefix)"
    output = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, env=environment_variables(python)
    )
    assert Path(output.stdout.strip()) == python.parent.parent
    made = (python.parent.parent / "complete").stat().st_mtime_ns
    assert python_with_pins("# nothing needed\n") == python
    assert (python.parent.parent / "complete").stat().st_mtime_ns == made
    assert python_with_pins("# something else\n") != python
