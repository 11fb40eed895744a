"""Rules on the candidates for the base: what contradicts itself before anything is fetched."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.diagnostics import Where, dotted
from teacherspec.check.parsing.yaml_scalars import did_you_mean, listed
from teacherspec.check.rule import Finding, Rule
from teacherspec.spec.base_candidates import SCORES, BaseCandidates


def candidates_differ(spec: Spec) -> Iterator[Finding]:
    """A name is given once, and so is a model."""
    if not isinstance(spec.base, BaseCandidates):
        return
    names: dict[str, Where] = {}
    models: dict[str, Where] = {}
    for (place, base), candidate in zip(spec.base.placed(), spec.base.candidates, strict=True):
        model = base.model_dump_json(include={"source", "pooling", "layers"})
        if candidate.name in names:
            what = f"{dotted(names[candidate.name])} has this name already: give it another"
            yield Finding((*place, "name"), what)
        elif model in models:
            yield Finding((*place, "source"), f"is the same base as {dotted(models[model])}: drop one")
        names.setdefault(candidate.name, place)
        models.setdefault(model, place)


def licenses_are_allowed(spec: Spec) -> Iterator[Finding]:
    """A candidate has one of the licences that the choice allows."""
    if not isinstance(spec.base, BaseCandidates) or spec.base.choice.licenses is None:
        return
    allowed = {name.casefold() for name in spec.base.choice.licenses}
    for place, base in spec.base.placed():
        if base.license.casefold() not in allowed:
            listing = listed(list(spec.base.choice.licenses))
            what = (
                f"base.choice.licenses does not allow {base.license} (allowed {listing}): drop the candidate"
            )
            yield Finding((*place, "license"), what)


def choice_names_what_there_is(spec: Spec) -> Iterator[Finding]:
    """The score is one that the task measures, the name that of a candidate."""
    if not isinstance(spec.base, BaseCandidates):
        return
    choice, scores = spec.base.choice, list(SCORES[spec.task.output_type])
    if choice.rank_by is not None and choice.rank_by not in scores:
        what = (
            f"a {spec.task.kind} task does not measure it (given {choice.rank_by}; allowed {listed(scores)})"
        )
        yield Finding(("base", "choice", "rank_by"), what)
    names = [candidate.name for candidate in spec.base.candidates]
    if choice.use is not None and choice.use not in names:
        hint = did_you_mean(choice.use, names)
        what = f"is no candidate (given {choice.use}; allowed {listed(names)}{hint})"
        yield Finding(("base", "choice", "use"), what)


RULES = (
    Rule(("base",), candidates_differ),
    Rule(("base",), licenses_are_allowed),
    Rule(("task", "base"), choice_names_what_there_is),
)
