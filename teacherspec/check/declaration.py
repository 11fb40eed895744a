"""The whole declaration: all sections together."""

from teacherspec.spec.base_candidates import DeclaredBase
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Spec(Section):
    """The declaration of one teacher."""

    task: Task
    """What the teacher does: the kind of task and its inputs."""

    prepare: Prepare
    """Where the rows come from, how they are cleaned and split."""

    base: DeclaredBase
    """The pre-trained model the teacher starts from, or candidates for it."""

    finetune: Finetune
    """How the base is adapted to the task."""

    evaluate: Evaluate
    """How the fine-tuned model is measured."""

    calibrate: Calibrate
    """How the probabilities are calibrated."""

    probe: Probe
    """The students that show what the teacher is worth, `{}` for none."""

    package: Package
    """What the teacher package holds, and the gates it must pass."""
