"""All sections of a declaration together.

No stage depends on this file, as on `teacherspec/spec.py`.
"""

from teacherspec.base.section import Base
from teacherspec.calibrate.section import Calibrate
from teacherspec.evaluate.section import Evaluate
from teacherspec.finetune.section import Finetune
from teacherspec.package.section import Package
from teacherspec.prepare.section import Prepare
from teacherspec.section import Section
from teacherspec.tasks import Task


class Spec(Section):
    """The declaration of one teacher."""

    task: Task
    """What the teacher does: the kind of task and its inputs."""

    prepare: Prepare
    """Where the rows come from, how they are cleaned and split."""

    base: Base
    """The pre-trained model the teacher starts from."""

    finetune: Finetune
    """How the base is adapted to the task."""

    evaluate: Evaluate
    """How the fine-tuned model is measured."""

    calibrate: Calibrate
    """How the probabilities are made honest."""

    package: Package
    """What is handed over, and what it promises."""
