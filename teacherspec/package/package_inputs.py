"""What the parts of a package are written from."""

from dataclasses import dataclass
from pathlib import Path

from teacherspec.package.stage_outputs import StageOutputs, Stages
from teacherspec.spec.package import Package
from teacherspec.splits import Prepared, Split
from teacherspec.tasks.shared.interfaces.kind import Kind


def target_splits(section: Package, prepared: Prepared) -> tuple[str, ...]:
    """Names of the splits in `distill/`: the declared ones, and every one of role `transfer`."""
    transfer = (split.name for split in prepared.of_role("transfer"))
    return (*section.soft_targets, *(name for name in transfer if name not in section.soft_targets))


@dataclass(frozen=True)
class PackageInputs:
    """The declaration and what the earlier stages left.

    Attributes:
        task: the declared task.
        section: `params.yaml: package`.
        outputs: what the earlier stages reported.
        stages: where they left their work.
        splits: whose rows become soft targets.
        folder: the package that is being written; it holds `model/` already.
    """

    task: Kind
    section: Package
    outputs: StageOutputs
    stages: Stages
    splits: tuple[Split, ...]
    folder: Path
