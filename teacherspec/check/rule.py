"""What a rule between sections of a declaration is, and what it finds."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.diagnostics import Where
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.prepare.split_names import FIXED_SPLITS


class Finding(NamedTuple):
    """Two sections that contradict each other: the place to repair, and what is wrong there."""

    where: Where
    what: str


class Rule(NamedTuple):
    """What must hold between sections; applied once each of these sections is valid by itself."""

    sections: tuple[str, ...]
    findings: Callable[[Spec], Iterator[Finding]]


def split_roles(prepare: Prepare) -> dict[str, str]:
    """Split name → role, of all splits that `prepare` will make."""
    extra = {source.split: source.role for source in prepare.sources if source.role is not None}
    return {**{name: name for name in FIXED_SPLITS}, **extra}
