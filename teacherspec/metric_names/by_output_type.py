"""The one list of what a build reports, by the output type of its task.

Gates, the model card, `diff` and the cross-checks of a declaration read it; a test compares it with the
reports of a build of every kind of task.
"""

from collections.abc import Callable, Collection, Mapping

from teacherspec.metric_names.classification import classification_names
from teacherspec.metric_names.generation import generation_names
from teacherspec.metric_names.multi_label import multi_label_names
from teacherspec.metric_names.regression import regression_names
from teacherspec.metric_names.reported_names import ReportedNames
from teacherspec.metric_names.retrieval import retrieval_names
from teacherspec.metric_names.tagging import tagging_names

NAMES: Mapping[str, Callable[[Mapping[str, str], Collection[str]], ReportedNames]] = {
    "classification": classification_names,
    "generation": generation_names,
    "multi_label": multi_label_names,
    "regression": regression_names,
    "retrieval": retrieval_names,
    "tagging": tagging_names,
}
"""Output type → its names."""


def reported_names(
    output_type: str, roles: Mapping[str, str], perturbations: Collection[str] = ()
) -> ReportedNames:
    """Names of all numbers that the stages report for a task of this output type.

    Args:
        output_type: key of `NAMES`.
        roles: split name → role.
        perturbations: names of the perturbations that `evaluate` measures.
    """
    return NAMES[output_type](roles, perturbations)
