"""The kinds of task that a declaration can be written for."""

from collections.abc import Mapping
from typing import Protocol

from teacherspec.init.columns import Found
from teacherspec.init.guess import Guess
from teacherspec.init.kinds import causal_lm, image_classification, text_classification
from teacherspec.init.sample import Sample
from teacherspec.init.sizes import Epochs


class StartingKind(Protocol):
    """What a module defines for its kind of task."""

    EPOCHS: Epochs
    """Passes over the train rows, by their number."""

    EXTRAS: tuple[str, ...]
    """Optional libraries that the first base needs."""

    BASE_FILES: Mapping[str, str]
    """Files of the repository that make the first base → files of the template."""

    def fits(self, sample: Sample, /) -> str:
        """Why these columns are for this kind of task; empty where they are not."""

    def columns(self, sample: Sample, given: Mapping[str, str]) -> dict[str, Found]:
        """Column of the task → of the data. Raises `UserError` where one cannot be found."""

    def fitting(self, sample: Sample, names: Mapping[str, str]) -> list[Guess]:
        """What of the declaration follows from the rows, besides splits and epochs."""

    def description(self, sample: Sample, names: Mapping[str, str], /) -> str:
        """What the teacher does, for the card."""


MODULES: tuple[StartingKind, ...] = (causal_lm, image_classification, text_classification)
"""The last one takes what no other does. Each is named like its kind."""

BY_NAME: Mapping[str, StartingKind] = {
    vars(module)["__name__"].rpartition(".")[2]: module for module in MODULES
}


def likely_kind(sample: Sample) -> tuple[str, str]:
    """The kind of task that these columns are for, and why."""
    found = ((name, module.fits(sample)) for name, module in BY_NAME.items())
    return next((name, why) for name, why in found if why)
