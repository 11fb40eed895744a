"""Seconds, and how a page tells them."""

import time
from typing import Any


def told(number: float, timed: bool) -> str:
    return f"{number:,.3g}" if timed else "not measured"


def seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
