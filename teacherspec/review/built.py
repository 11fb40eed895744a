"""Which stages were rebuilt between two revisions, and why: from `dvc.lock` alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from teacherspec.review.declared import leaves_changed
from teacherspec.review.revision import Revision

State = Literal["reused", "rebuilt", "same bytes", "other bytes", "new", "gone"]
STATES: Mapping[State, str] = {
    "reused": "reused",
    "rebuilt": "rebuilt",
    "same bytes": "rebuilt, gave the same bytes",
    "other bytes": "gave other bytes from the same inputs",
    "new": "new",
    "gone": "no longer there",
}
CODE = ("stages/", "teacherspec/", "kinds/")
RECEIPTS = "artifacts/receipts/"
"""Records of a run, which follow its inputs and are no result."""

NAMED = 4
"""Changed inputs of a kind that a reason names before it counts the rest."""


@dataclass(frozen=True)
class StageBuild:
    """What became of one stage.

    Attributes:
        stage: its name.
        state: `same bytes`: some input changed, no output did; `other bytes`: the reverse, which only a
            stage that is not deterministic, or another kind of machine, explains.
        reasons: what of its inputs changed, one line a kind.
        outs: outputs whose hash changed.
    """

    stage: str
    state: State
    reasons: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()


def stages_built(base: Revision, head: Revision) -> tuple[StageBuild, ...]:
    """Every stage of either `dvc.lock`, in the order of `head`."""
    names = [*head.stages, *(name for name in base.stages if name not in head.stages)]
    return tuple(_stage(name, base.stages.get(name), head.stages.get(name)) for name in names)


def _stage(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> StageBuild:
    if before is None or after is None:
        return StageBuild(name, "new" if before is None else "gone")
    reasons = tuple(_reasons(before, after))
    old, new = (_hashes(entry, "outs") for entry in (before, after))
    outs = tuple(
        path for path in {**old, **new} if old.get(path) != new.get(path) and not path.startswith(RECEIPTS)
    )
    states: dict[tuple[bool, bool], State] = {
        (False, False): "reused",
        (True, True): "rebuilt",
        (True, False): "same bytes",
        (False, True): "other bytes",
    }
    return StageBuild(name, states[bool(reasons), bool(outs)], reasons, outs)


def _reasons(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("cmd") != after.get("cmd"):
        yield "command"
    old, new = _hashes(before, "deps"), _hashes(after, "deps")
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    code = [path for path in changed if path.startswith(CODE)]
    if inputs := [path for path in changed if path not in code]:
        yield f"inputs {_some(inputs)}"
    if code:
        yield f"code {_some(code)}"
    # One key of params a file; pyproject.toml holds the pinned libraries.
    for file in {**before.get("params", {}), **after.get("params", {})}:
        sides = [dict(side.get("params", {}).get(file, {})) for side in (before, after)]
        names = [change.name for change in leaves_changed(sides[0], sides[1])]
        if names:
            yield f"{'params' if file.endswith(('.yaml', '.yml')) else file} {_some(names)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _hashes(entry: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {item["path"]: item.get("md5", "") for item in entry.get(kind, ())}
