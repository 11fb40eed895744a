"""Whether two revisions start from different bases, and how the candidates of each were ranked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teacherspec.compare.revision import Revision

MANIFEST = "reports/base/manifest.json"
CANDIDATES = "reports/base/candidates.json"
LONGEST = 300
"""Characters of a description."""


@dataclass(frozen=True)
class BaseChange:
    """The bases of two revisions, which differ.

    Attributes:
        before: the source of the base in words, with the layers that were kept; None where there is none.
        after: the same of the other side.
        choice: how the candidates of the other side were ranked; None where it declares one base.
    """

    before: str | None
    after: str | None
    choice: str | None


def base_change(base: Revision, head: Revision) -> BaseChange | None:
    """What changed of the base; None where files and reading are the same, or no side has a manifest.

    Raises:
        UserError: a manifest cannot be parsed.
    """
    before, after = (side.mapping(MANIFEST) for side in (base, head))
    stated = [key for key in ("pooling", "init") if key in before and key in after]  # not by older versions
    if all(before.get(key) == after.get(key) for key in ("digest", *stated)):
        return None
    return BaseChange(_described(before), _described(after), _choice(head.mapping(CANDIDATES)))


def _described(manifest: Mapping[str, Any]) -> str | None:
    source = manifest.get("source")
    if not isinstance(source, Mapping):
        return None
    words = [str(source[key]) for key in ("project", "version", "id", "revision", "folder") if key in source]
    if layers := manifest.get("layers"):
        words.append(f"first {layers} layers")
    return " ".join(words)[:LONGEST]


def _choice(candidates: Mapping[str, Any]) -> str | None:
    chosen, best = candidates.get("chosen"), candidates.get("possibly_best")
    if not isinstance(chosen, str) or not isinstance(best, list):
        return None
    ranked = f"{chosen} of {len(candidates.get('each') or ())} candidates by {candidates.get('ranked_by')}"
    if len(best) == 1:
        return (ranked if best[0] == chosen else f"{ranked}, where {best[0]} is first")[:LONGEST]
    return f"{ranked}, undecided between {', '.join(map(str, best))}"[:LONGEST]
