"""Programs that show training curves live, chosen by an environment variable of the machine.

Each is an optional library. They get copies of numbers while a model trains, and write outside of everything
that a stage declares: whether one is used changes no artifact.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from teacherspec.errors import UserError

TRACKING = "TEACHERSPEC_TRACKING"
"""Names of destinations, with commas between several; none by default."""

SCRATCH = Path(".scratch/tracking")
"""Of local files, where a library has no address of its own; in no repository."""

DVCLIVE = Path("dvclive")
"""Not in the scratch folder, which DVC and editors leave out."""


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: `teacher`, or which of several trainings of the stage it is, such as `folds-0`.
        params: values of the declaration, by dotted key.
        first_step: optimizer steps done before, where it resumes.
    """

    name: str
    params: Mapping[str, str | int | float | bool]
    first_step: int


class Destination(Protocol):
    """Where the numbers of one training go."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Metrics, by names with `/` between parts, after `step` optimizer steps."""

    def end(self) -> None:
        """After the last step."""


class DvcLive:
    """Files that DVC's extension for VS Code and DVC Studio read."""

    LIBRARY = "dvclive"
    REQUIREMENT = "dvclive>=3.48,<4"

    def __init__(self, run: Run) -> None:
        from dvclive import Live

        folder = DVCLIVE / run.name
        self.live = Live(
            dir=str(folder),
            resume=run.first_step > 0,
            report=None,
            save_dvc_exp=False,  # commits and experiments are the pipeline's
            dvcyaml=str(folder / "dvc.yaml"),
        )
        self.live.log_params(dict(run.params))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """One more line of each file."""
        self.live.step = step
        for name, value in metrics.items():
            self.live.log_metric(name, value)
        self.live.sync()

    def end(self) -> None:
        """Write the summary."""
        self.live.end()


class MLflow:
    """A run on the server of `MLFLOW_TRACKING_URI`, or in a local folder."""

    LIBRARY = "mlflow"
    REQUIREMENT = "mlflow-skinny>=3,<4"

    def __init__(self, run: Run) -> None:
        # Files of the machine need no database; MLflow 3 reads and writes them where this is set.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI") or (SCRATCH / "mlflow").absolute().as_uri()
        self.client: Any = MlflowClient(tracking_uri=address)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "teacherspec"
        known = self.client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self.client.create_experiment(name)
        self.run: str = self.client.create_run(experiment, run_name=run.name).info.run_id
        for key, value in run.params.items():
            self.client.log_param(self.run, key, value)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """One point of each metric."""
        for name, value in metrics.items():
            self.client.log_metric(self.run, name, value, step=step)

    def end(self) -> None:
        """Mark the run as finished."""
        self.client.set_terminated(self.run)


class WandB:
    """A run of Weights & Biases, configured by its own variables; offline with `WANDB_MODE=offline`."""

    LIBRARY = "wandb"
    REQUIREMENT = "wandb>=0.20,<1"

    def __init__(self, run: Run) -> None:
        import wandb

        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.run: Any = wandb.init(
            dir=os.environ.get("WANDB_DIR") or str(SCRATCH),
            project=os.environ.get("WANDB_PROJECT") or "teacherspec",
            name=run.name,
            config=dict(run.params),
            save_code=False,
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """One point of each metric."""
        self.run.log(dict(metrics), step=step)

    def end(self) -> None:
        """Wait until all is sent."""
        self.run.finish()


DESTINATIONS: Mapping[str, type[DvcLive] | type[MLflow] | type[WandB]] = {
    "dvclive": DvcLive,
    "mlflow": MLflow,
    "wandb": WandB,
}
"""Name in the environment variable → destination."""


def chosen_destinations() -> list[str]:
    """The names in the environment variable.

    Raises:
        UserError: one is unknown, or its library is not installed.
    """
    names = [name.strip() for name in os.environ.get(TRACKING, "").split(",") if name.strip()]
    problems = [problem for name in dict.fromkeys(names) if (problem := _problem(name))]
    if problems:
        raise UserError(problems)
    return list(dict.fromkeys(names))


def _problem(name: str) -> str:
    """Why a destination cannot be used; empty where it can."""
    if name not in DESTINATIONS:
        return f"{TRACKING}: unknown destination (given {name}; allowed {', '.join(DESTINATIONS)})"
    chosen = DESTINATIONS[name]
    if find_spec(chosen.LIBRARY) is None:
        return (
            f"{TRACKING}: {name} needs a library that is not installed: `pip install "
            f"'{chosen.REQUIREMENT}'`, or unset the variable"
        )
    return ""
