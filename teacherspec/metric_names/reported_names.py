"""Names of the numbers that a build reports: the stage, then the place in the stage's `metrics.json`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class ReportedNames:
    """Dotted names such as `evaluate.test.accuracy`, known from the declaration alone.

    Attributes:
        always: reported by every build of this declaration.
        sometimes: reported only where they are defined for the rows (how well confidence ranks right above
            wrong predictions needs both), or where the declaration asks for them.
    """

    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()

    def __or__(self, other: Self) -> "ReportedNames":
        return ReportedNames(self.always | other.always, self.sometimes | other.sometimes)

    @property
    def all(self) -> frozenset[str]:
        """Every name that a gate may use."""
        return self.always | self.sometimes


GAIN = frozenset({"accuracy", "nll"})
"""What `evaluate` reports of the gain over the untrained base, on the test split and every shifted one."""


def gained(roles: Mapping[str, str], base_quality: ReportedNames) -> ReportedNames:
    """Names of the gain, and of the quality of the untrained base.

    Args:
        roles: split name → role.
        base_quality: what is reported of the base on a split.
    """
    reported = {name: role for name, role in roles.items() if role in {"test", "shifted"}}
    by_role = {"test": ReportedNames(GAIN), "shifted": ReportedNames(GAIN)}
    of_base = dict.fromkeys(by_role, base_quality)
    return of_splits("evaluate.gain", reported, by_role) | of_splits("evaluate.base", reported, of_base)


SEEDS = ReportedNames(sometimes=frozenset({"trainings", "accuracy", "accuracy_sd", "nll", "nll_sd"}))
"""What `evaluate` reports over trainings with several seeds, of each split that all their models ran."""


def over_seeds(roles: Mapping[str, str]) -> ReportedNames:
    """Names of the mean and the spread over seeds.

    Args:
        roles: split name → role.
    """
    return of_splits("evaluate.seeds", roles, dict.fromkeys(("validation", "test", "shifted"), SEEDS))


def prefixed(prefix: str, names: Collection[str]) -> frozenset[str]:
    """Each name after `prefix` and a dot."""
    return frozenset(f"{prefix}.{name}" for name in names)


def nested(names: Collection[str], inner: Collection[str]) -> frozenset[str]:
    """Every pair of a name and an inner name, with a dot between them."""
    return frozenset(f"{name}.{part}" for name in names for part in inner)


def of_splits(stage: str, roles: Mapping[str, str], by_role: Mapping[str, ReportedNames]) -> ReportedNames:
    """What a stage reports of each split.

    Args:
        stage: name of the stage.
        roles: split name → role.
        by_role: role → what the stage reports of a split with this role; nothing where it is not named.
    """
    found = ReportedNames()
    for split, role in roles.items():
        names = by_role.get(role, ReportedNames())
        place = f"{stage}.{split}"
        found |= ReportedNames(prefixed(place, names.always), prefixed(place, names.sometimes))
    return found
