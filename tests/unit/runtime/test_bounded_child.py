"""Work in a child: what it sends arrives, and whatever ends it is a reason, not a crash of this process."""

import ctypes
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teacherspec.runtime.bounded_child import Limits, run_bounded

LIMITS = Limits(cpu_seconds=2, memory_bytes=256 << 20, wall_seconds=60)


def count(request: int) -> Iterator[int]:
    yield from range(request)


def fail(request: str) -> Iterator[str]:
    yield "before"
    raise ValueError(f"{request} is wrong\nand more")


def ask_for_memory(request: int) -> Iterator[int]:
    yield len(bytearray(request))


def compute_for_ever(request: None) -> Iterator[None]:
    yield
    while True:
        pass


def sleep_for_ever(request: None) -> Iterator[None]:
    yield
    time.sleep(600)


def crash(request: None) -> Iterator[None]:
    yield
    ctypes.string_at(0)


def write_a_file(request: Path) -> Iterator[str]:
    request.write_text("there")
    yield "written"


def speak(request: None) -> Iterator[Path]:
    os.write(1, b"out")
    os.write(2, b"err")
    yield Path.cwd()


def test_messages_arrive_in_their_order() -> None:
    outcome = run_bounded(count, 3, LIMITS)
    assert (outcome.messages, outcome.failure) == ((0, 1, 2), None)


@pytest.mark.parametrize(
    ("work", "request_", "reason"),
    [
        (fail, "it", "it is wrong"),
        (ask_for_memory, 1 << 40, "asks for more memory than allowed (0.2 GiB)"),
        (compute_for_ever, None, "takes longer than 2 s"),
        (crash, None, "crashes the process (SIGSEGV)"),
    ],
    ids=["exception", "memory", "time", "crash"],
)
def test_whatever_ends_it_is_a_reason(work: object, request_: object, reason: str) -> None:
    outcome = run_bounded(work, request_, LIMITS)  # type: ignore[arg-type]
    assert outcome.failure is not None
    assert outcome.failure.startswith(reason)
    assert len(outcome.messages) == (work is not ask_for_memory), "what it sent before is kept"


def test_a_child_that_waits_is_killed() -> None:
    outcome = run_bounded(sleep_for_ever, None, Limits(60, 256 << 20, wall_seconds=3))
    assert outcome.failure == "takes longer than 3 s"


def test_it_writes_only_where_it_may(tmp_path: Path) -> None:
    target = tmp_path / "file"
    assert run_bounded(write_a_file, target, LIMITS).failure is not None
    assert not target.exists() or not target.read_bytes()
    allowed = Limits(2, 256 << 20, 60, writes=True)
    assert run_bounded(write_a_file, target, allowed).messages == ("written",)


def test_it_runs_here_and_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_bounded(speak, None, LIMITS).messages == (tmp_path,)
    assert capfd.readouterr() == ("", "")


def ask_the_hub(request: str) -> Iterator[str]:
    from transformers import AutoConfig

    socket.socket.connect = None  # type: ignore[assignment,method-assign]
    yield type(AutoConfig.from_pretrained(request)).__name__


def test_it_is_offline() -> None:
    failure = run_bounded(ask_the_hub, "owner/name", LIMITS).failure
    assert failure is not None
    assert "offline" in failure or "cached" in failure
