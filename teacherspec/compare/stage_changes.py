"""Which stages were rebuilt between two revisions, and why: from `dvc.lock` and git."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from teacherspec.compare.revision import Revision
from teacherspec.compare.stage_inputs import differing, inputs_now, inputs_of_run
from teacherspec.run_records.dvc_yaml import DeclaredStage
from teacherspec.run_records.receipt import hashes

State = Literal["reused", "rebuilt", "same bytes", "other bytes", "stale", "new", "removed"]
STATES: Mapping[State, str] = {
    "reused": "reused",
    "rebuilt": "rebuilt",
    "same bytes": "rebuilt, same bytes",
    "other bytes": "other bytes from the same inputs",
    "stale": "stale",
    "new": "new",
    "removed": "removed",
}
RECEIPTS = "artifacts/receipts/"
"""Records of a run, which change with its inputs and are not results."""

SINCE = "since the last run: "
"""Precedes inputs that changed after the stage was built."""


@dataclass(frozen=True)
class StageBuild:
    """Whether and why one stage was rebuilt.

    Attributes:
        stage: its name.
        state: `same bytes`: some input changed, no output did; `other bytes`: the reverse, as with a stage
            that is not deterministic or another type of machine; `stale`: an input changed and the stage was
            not run again.
        reasons: inputs that changed between the two runs, one line for each kind of input.
        since: inputs that changed after the run of the head revision, by the files of that revision.
        outs: outputs whose hash changed.
    """

    stage: str
    state: State
    reasons: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()

    @property
    def changed_inputs(self) -> tuple[str, ...]:
        """`reasons` and `since` as text."""
        return self.reasons + tuple(SINCE + reason for reason in self.since)


def stages_built(base: Revision, head: Revision) -> tuple[StageBuild, ...]:
    """Every stage of either `dvc.lock`, in the order of `dvc.yaml`: DVC appends new ones to the lock."""
    locked = {**head.stages, **base.stages}
    names = [name for name in head.declared_stages if name in locked]
    return tuple(_stage(name, base, head) for name in dict.fromkeys([*names, *locked]))


def _stage(name: str, base: Revision, head: Revision) -> StageBuild:
    before, after = base.stages.get(name), head.stages.get(name)
    if before is None or after is None:
        return StageBuild(name, "new" if before is None else "removed")
    run = inputs_of_run(after, head)
    reasons = tuple(differing(inputs_of_run(before, base), run))
    declared: DeclaredStage | None = head.declared_stages.get(name)
    since = tuple(differing(run, inputs_now(declared, run, head))) if declared else ()
    old, new = (hashes(entry.get("outs", ())) for entry in (before, after))
    outs = tuple(
        path for path in {**old, **new} if old.get(path) != new.get(path) and not path.startswith(RECEIPTS)
    )
    states: dict[tuple[bool, bool], State] = {
        (False, False): "stale" if since else "reused",
        (True, True): "rebuilt",
        (True, False): "same bytes",
        (False, True): "other bytes",
    }
    return StageBuild(name, states[bool(reasons), bool(outs)], reasons, since, outs)
