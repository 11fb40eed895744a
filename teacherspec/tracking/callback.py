"""Hands the numbers of a training to the destinations that the machine is configured for."""

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from teacherspec.tracking.destinations import DESTINATIONS, Destination, Run, chosen_destinations

LOGGED = ("loss", "learning_rate", "grad_norm")
EVALUATED = "eval_"


def tracking_callbacks(declared: Mapping[str, Any]) -> list[TrainerCallback]:
    """The callback of each chosen destination.

    Args:
        declared: sections of the declaration that determine the training, by name.

    Raises:
        UserError: a destination is unknown, or its library is not installed.
    """
    params = dict(_leaves(declared))
    return [TrackTraining(name, params) for name in chosen_destinations()]


class TrackTraining(TrainerCallback):  # type: ignore[misc]
    """Loss, learning rate and norm of the gradient of steps, and validation metrics, while they arise.

    A destination that fails is left out from then on, with one line: a training does not end because a server
    does not answer.
    """

    def __init__(self, name: str, params: Mapping[str, str | int | float | bool]) -> None:
        self.name = name
        self.params = params
        self.destination: Destination | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the run."""
        run = Run(run_name(Path(args.output_dir)), self.params, state.global_step)

        def start() -> None:
            self.destination = DESTINATIONS[self.name](run)

        self._try(start)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """The newest numbers of training."""
        found = {f"train/{name}": logs[name] for name in LOGGED if name in logs} if logs else {}
        self._log(found, state.global_step)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """The newest metrics of validation."""
        found = {
            f"validation/{name.removeprefix(EVALUATED)}": value
            for name, value in (metrics or {}).items()
            if name.startswith(EVALUATED) and isinstance(value, float)
        }
        self._log(found, state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the run."""
        if self.destination is not None:
            self._try(self.destination.end)

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        if self.destination is not None and metrics:
            destination = self.destination
            self._try(lambda: destination.log(metrics, step))

    def _try(self, work: Callable[[], None]) -> None:
        try:
            with unchanged_random_state():
                work()
        except Exception as error:  # whatever a library or its server answers
            self.destination = None
            reason = " ".join(str(error).split())[:160]
            print(
                f"tracking: {self.name} failed ({type(error).__name__}: {reason}); training goes on "
                "without it",
                file=sys.stderr,
                flush=True,
            )


@contextmanager
def unchanged_random_state() -> Iterator[None]:
    """Puts the global generators back, from which a library may draw names of runs."""
    own, arrays, tensors = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(arrays)  # noqa: NPY002
        torch.set_rng_state(tensors)


def run_name(scratch: Path) -> str:
    """`teacher`, or which of several trainings of a stage has its checkpoints in `scratch`."""
    _, dash, several = scratch.parent.name.partition("-")
    return f"{several}-{scratch.name}" if dash else "teacher"


def _leaves(values: Any, key: str = "") -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, str | int | float):
        yield key, values
