"""A door hands out its own sections only, and only of a declaration that is right as a whole."""

import errno
import io
import sys
from pathlib import Path

import pytest

from teacherspec.errors import DeclarationError
from teacherspec.runtime.entrypoint import load_sections, machine_problem, report_user_errors
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.section import Section
from teacherspec.tasks import Task
from tests.unit.check.example import RIGHT, changed


class Sections(Section):
    task: Task
    evaluate: Evaluate


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def test_a_door_sees_what_it_declares(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + RIGHT.encode())
    spec = load_sections(Sections, file)
    assert spec.model_fields_set == {"task", "evaluate"}
    assert (spec.task.max_length, spec.evaluate.batch_size) == (64, 64)


def test_a_mistake_in_a_section_of_another_stage_stops_it(file: Path) -> None:
    file.write_text(changed(("epochs: 3", "epochs: 0")))
    with pytest.raises(DeclarationError, match=r"params\.yaml:18:11: finetune\.epochs: out of range"):
        load_sections(Sections, file)


def test_sections_that_do_not_fit_stop_it(file: Path) -> None:
    file.write_text(changed(("evaluate.test.accuracy", "evaluate.test.acuracy")))
    with pytest.raises(DeclarationError, match=r"did you mean evaluate\.test\.accuracy\?"):
        load_sections(Sections, file)


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as found:
        return found


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "x"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        raised(RuntimeError("save failed"), OSError(errno.EDQUOT, "Disk quota exceeded")),
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        OSError("malloc of size 64 failed"),
    ],
)
def test_a_full_disk_or_memory_is_one_line_whichever_library_reports_it(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped, report_user_errors():
        raise error
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "`dvc checkout` brings it back" in line


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), OSError(errno.ENOENT, "No such file"), KeyError("space")]
)
def test_every_other_error_is_a_fault_and_keeps_its_traceback(error: Exception) -> None:
    assert machine_problem(error) is None
    with pytest.raises(type(error)), report_user_errors():
        raise error


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_is_not_utf8_fails_no_stage(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)

    @report_user_errors()
    def command() -> None:
        sys.stdout.write("0.5 – 0.7 ≥ 日本\n")

    command()
    stream.flush()
    shown = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert shown == "0.5 ? 0.7 ? ??\n"
