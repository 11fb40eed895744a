"""Which stages were rebuilt between two revisions, and why: from `dvc.lock` and git."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from teacherspec.compare.revision import Revision
from teacherspec.compare.stage_inputs import differing, inputs_now, inputs_of_run
from teacherspec.run_records.dvc_yaml import DeclaredStage
from teacherspec.run_records.receipt import hashes

State = Literal["reused", "rebuilt", "same bytes", "other bytes", "not rebuilt", "new", "gone"]
STATES: Mapping[State, str] = {
    "reused": "reused",
    "rebuilt": "rebuilt",
    "same bytes": "rebuilt, gave the same bytes",
    "other bytes": "gave other bytes from the same inputs",
    "not rebuilt": "not rebuilt",
    "new": "new",
    "gone": "no longer there",
}
RECEIPTS = "artifacts/receipts/"
"""Records of a run, which follow its inputs and are no result."""

SINCE = "since the last run: "
"""Before what a stage was not built from."""


@dataclass(frozen=True)
class StageBuild:
    """What became of one stage.

    Attributes:
        stage: its name.
        state: `same bytes`: some input changed, no output did; `other bytes`: the reverse, which only a
            stage that is not deterministic, or another kind of machine, explains; `not rebuilt`: an input
            changed, and what the stage left is still that of the inputs before.
        reasons: what of its inputs changed between the two runs, one line a kind.
        since: what of its inputs changed after the later run, as the files of the later revision tell.
        outs: outputs whose hash changed.
    """

    stage: str
    state: State
    reasons: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()

    @property
    def because(self) -> tuple[str, ...]:
        """All reasons as a reader sees them."""
        return self.reasons + tuple(SINCE + reason for reason in self.since)


def stages_built(base: Revision, head: Revision) -> tuple[StageBuild, ...]:
    """Every stage of either `dvc.lock`, in the order of `head`."""
    names = [*head.stages, *(name for name in base.stages if name not in head.stages)]
    return tuple(_stage(name, base, head) for name in names)


def _stage(name: str, base: Revision, head: Revision) -> StageBuild:
    before, after = base.stages.get(name), head.stages.get(name)
    if before is None or after is None:
        return StageBuild(name, "new" if before is None else "gone")
    run = inputs_of_run(after, head)
    reasons = tuple(differing(inputs_of_run(before, base), run))
    declared: DeclaredStage | None = head.declared_stages.get(name)
    since = tuple(differing(run, inputs_now(declared, run, head))) if declared else ()
    old, new = (hashes(entry.get("outs", ())) for entry in (before, after))
    outs = tuple(
        path for path in {**old, **new} if old.get(path) != new.get(path) and not path.startswith(RECEIPTS)
    )
    states: dict[tuple[bool, bool], State] = {
        (False, False): "not rebuilt" if since else "reused",
        (True, True): "rebuilt",
        (True, False): "same bytes",
        (False, True): "other bytes",
    }
    return StageBuild(name, states[bool(reasons), bool(outs)], reasons, since, outs)
