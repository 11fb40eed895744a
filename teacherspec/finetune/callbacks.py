"""Callbacks of the training loop: what is checked, shown and logged while it runs."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import write_tsv

PLAIN_INTERVAL_S = 10.0
STEP_COLUMNS = ("step", "epoch", "loss", "learning_rate", "grad_norm")


class RefuseNonFinite(TrainerCallback):  # type: ignore[misc]
    """Stop at the first loss or gradient that is not a number, naming the step.

    Trainer by default replaces such losses by the running mean, and drops them in evaluation.
    """

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Check every number that is logged."""
        bad = [
            name
            for name, value in (logs or {}).items()
            if isinstance(value, float) and not math.isfinite(value)
        ]
        if bad:
            raise UserError(
                f"finetune: {', '.join(sorted(bad))} is not finite at step {state.global_step} of "
                f"{state.max_steps}; lower finetune.learning_rate (given {args.learning_rate}) or "
                "finetune.max_grad_norm, or use precision fp32"
            )


class SetEpoch(TrainerCallback):  # type: ignore[misc]
    """Call `set_epoch` of samplers and data sets whose random draws depend on the epoch."""

    def __init__(self, *datasets: Any) -> None:
        self.datasets = datasets

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before any example of the epoch is loaded; `state.epoch` of a resumed epoch is a fraction."""
        for dataset in self.datasets:
            dataset.set_epoch(math.floor(state.epoch + 1e-6))


class ShowProgress(TrainerCallback):  # type: ignore[misc]
    """A progress bar with loss, rate and time left on a terminal; otherwise a line every few seconds."""

    def __init__(self, batch_size: int, metric: str) -> None:
        self.batch_size = batch_size
        self.metric = metric
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("finetune"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.loss = math.nan
        self.validation = ""
        self.started = self.printed = 0.0
        self.first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock; the rate of a resumed training counts from the step at which it resumed."""
        self.started = self.printed = time.monotonic()
        self.first_step = state.global_step
        self.task = self.bar.add_task("", total=state.max_steps, completed=state.global_step, shown="")
        self.bar.start()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Remember the newest loss."""
        if logs and "loss" in logs:
            self.loss = logs["loss"]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Redraw the bar, or print a line where there is no terminal."""
        now = time.monotonic()
        steps, elapsed = state.global_step - self.first_step, now - self.started
        rate = steps * self.batch_size / elapsed if elapsed > 0 else 0.0
        loss = "" if math.isnan(self.loss) else f"loss {self.loss:.3f}  "  # none has been logged yet
        shown = f"{loss}{rate:.0f} examples/s{self.validation}"
        self.bar.update(self.task, completed=state.global_step, shown=shown)
        if not self.console.is_terminal and now - self.printed >= PLAIN_INTERVAL_S:
            self.printed = now
            left = elapsed / max(steps, 1) * (state.max_steps - state.global_step)
            print(
                f"finetune: step {state.global_step}/{state.max_steps}  {shown}  {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Show the newest validation metric."""
        if metrics:
            self.validation = f"  validation {self.metric} {metrics[f'eval_{self.metric}']:.4f}"

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Restore the terminal."""
        self.bar.stop()


def write_log(folder: Path, history: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> None:
    """Write Trainer's log as two tables for `dvc plots`: `steps.tsv` and `evaluations.tsv`.

    Only values that the declaration determines are written; durations and rates would change the bytes.
    """
    steps = [[entry[column] for column in STEP_COLUMNS] for entry in history if "loss" in entry]
    write_tsv(folder / "steps.tsv", STEP_COLUMNS, steps)
    measured = [entry for entry in history if f"eval_{metrics[0]}" in entry]
    rows = [
        [entry["step"], entry["epoch"], *(entry[f"eval_{name}"] for name in metrics)] for entry in measured
    ]
    write_tsv(folder / "evaluations.tsv", ("step", "epoch", *metrics), rows)
