"""Several declared candidates: each checked and measured, and one of them chosen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from teacherspec.base.baseline import MeasureScores
from teacherspec.base.candidates.measure import MeasuredCandidate, measure_candidate
from teacherspec.base.candidates.ranking import Rank, choose, possibly_best, ranks
from teacherspec.base.candidates.scores import Score
from teacherspec.base.checked_base import CheckedBase, check_base
from teacherspec.errors import BaseModelError, UserError
from teacherspec.metrics.scores.intervals import interval_of
from teacherspec.spec.base_candidates import SCORES, BaseCandidates
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.kind import Kind


@dataclass(frozen=True)
class Comparison:
    """The candidates as measured, and which one is taken.

    Attributes:
        measured: by name, in the order of the declaration.
        ranked_by: the score that ranks.
        ranked: score → name → rank, of the candidates that are not excluded.
        best: those that may be the best by `ranked_by`, the first of the ranking first.
        chosen: name of the one that is taken.
    """

    measured: Mapping[str, MeasuredCandidate]
    ranked_by: str
    ranked: Mapping[str, Mapping[str, Rank]]
    best: tuple[str, ...]
    chosen: str

    def summary(self) -> dict[str, Any]:
        """As JSON values, for `candidates.json`."""
        each = {name: self._candidate(name, one) for name, one in self.measured.items()}
        return {
            "chosen": self.chosen,
            "ranked_by": self.ranked_by,
            "decided": len(self.best) == 1,
            "possibly_best": list(self.best),
            "each": each,
        }

    def _candidate(self, name: str, one: MeasuredCandidate) -> dict[str, Any]:
        scores = {
            score: {**_value(found), "rank": asdict(self.ranked[score][name])}
            for score, found in (one.scores or {}).items()
        }
        size = {"parameters": one.parameters, "training_mib": one.training_mib, "gflops": one.gflops}
        return {**size, "scores": scores, "excluded": list(one.excluded)}


def _value(score: Score) -> dict[str, Any]:
    found = interval_of(score.value, score.draws.resampled)
    return {"value": found.value, "low": found.low, "high": found.high}


def choose_base(
    task: Kind, declared: BaseCandidates, prepared: Prepared, cache: Path, measure_scores: MeasureScores
) -> tuple[CheckedBase, Comparison]:
    """Check all candidates, then measure them one by one, and choose.

    Args:
        task: the declared task.
        declared: `params.yaml: base`.
        prepared: the prepared splits, of which train and validation rank.
        cache: where downloaded bases are.
        measure_scores: of the type of output.

    Raises:
        BaseModelError: candidates cannot be fetched, trusted or used for the task, all named; two are the
            same files; all exceed the declared limits; or the one to use does.
    """
    checked = _checked(task, declared, prepared, cache)
    measured = {
        name: measure_candidate(task, one, prepared, declared.choice, measure_scores)
        for name, one in checked.items()
    }
    scored = {name: one.scores for name, one in measured.items() if one.scores is not None}
    use = declared.choice.use
    if not scored or (use is not None and use not in scored):
        problems = [f"candidate {name}: {why}" for name, one in measured.items() for why in one.excluded]
        left = "no candidate is left" if not scored else f"base.choice.use: {use} is excluded"
        raise BaseModelError([*problems, f"{left}; raise the limits, or declare other candidates"])
    ranked_by = declared.choice.rank_by or SCORES[task.output_type][0]
    ranked: dict[str, dict[str, Rank]] = {
        score: ranks({name: scores[score] for name, scores in scored.items()})
        for score in SCORES[task.output_type]
    }
    best = possibly_best(ranked[ranked_by])
    sizes = {name: measured[name].parameters for name in best}
    chosen = use or choose(best, sizes, declared.choice.undecided)
    return checked[chosen], Comparison(measured, ranked_by, ranked, tuple(best), chosen)


def _checked(task: Kind, declared: BaseCandidates, prepared: Prepared, cache: Path) -> dict[str, CheckedBase]:
    """Every candidate by name. Raises `BaseModelError` with what is wrong with any of them."""
    found: dict[str, CheckedBase] = {}
    problems: list[str] = []
    for number, candidate in enumerate(declared.candidates):
        where = f"base.candidates[{number}] ({candidate.name})"
        try:
            checked = check_base(task, declared.base(candidate), prepared, cache)
        except UserError as error:
            problems += [f"{where}: {problem}" for problem in error.problems]
            continue
        same = [name for name, other in found.items() if _model(other) == _model(checked)]
        problems += [f"{where}: has the same files as candidate {name}; drop one" for name in same]
        found[candidate.name] = checked
    if problems:
        raise BaseModelError(problems)
    return found


def _model(checked: CheckedBase) -> tuple[str, str]:
    """What is the same where two candidates are: the files, and how they are read."""
    return checked.manifest["digest"], checked.base.pooling
