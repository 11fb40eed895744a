"""The kinds of task that a declaration can be written for: the modules beside this one, by their names."""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from teacherspec.init.columns import Found
from teacherspec.init.guess import Guess
from teacherspec.init.kinds.names import KINDS
from teacherspec.init.sample import Sample
from teacherspec.init.sizes import Epochs


class StartingKind(Protocol):
    """What a module says of its kind of task."""

    EPOCHS: Epochs
    """Passes over the train rows, by their number."""

    EXTRAS: tuple[str, ...]
    """Optional libraries that the first base needs."""

    BASE_FILES: Mapping[str, str]
    """Files of the repository that make the first base → files of the template."""

    def fits(self, sample: Sample, /) -> str:
        """Why these columns are for this kind of task; empty where they are not."""

    def columns(self, sample: Sample, given: Mapping[str, str]) -> dict[str, Found]:
        """Column of the task → of the data. Raises `UserError` where one cannot be told."""

    def fitting(self, sample: Sample, names: Mapping[str, str]) -> list[Guess]:
        """What of the declaration follows from the rows, besides splits and epochs."""

    def description(self, sample: Sample, names: Mapping[str, str], /) -> str:
        """What the teacher does, for the card."""


def starting_kind(name: str) -> StartingKind | None:
    """The module of a kind; None for kinds that declarations are written for by hand."""
    return cast(StartingKind, import_module(f"{__package__}.{name}")) if name in KINDS else None


def likely_kind(sample: Sample) -> tuple[str, str]:
    """The kind of task that these columns are for, and why."""
    found = ((name, cast(StartingKind, starting_kind(name)).fits(sample)) for name in KINDS)
    return next((name, why) for name, why in found if why)
