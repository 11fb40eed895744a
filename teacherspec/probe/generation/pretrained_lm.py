"""A student that knows language already: a pre-trained model with the teacher's tokens."""

from functools import cache
from pathlib import Path
from typing import Any

from teacherspec.errors import BaseModelError
from teacherspec.model_files.student_folder import trainable_student
from teacherspec.probe.generation.rows import ProbeTokens
from teacherspec.spec.probe.language_students import PretrainedLm
from teacherspec.tasks.shared import hf_loading


def build(student: PretrainedLm, rows: ProbeTokens, _: int) -> Any:
    """The student with its own weights, whatever the seed.

    Raises:
        BaseModelError: it cannot be read, or its logits are of other tokens than the teacher's.
    """
    model = _loaded(trainable_student(student.source, "probe.students"))
    width = int(model.config.get_text_config().vocab_size)
    if width != rows.vocabulary:
        raise BaseModelError(
            f"probe.students: the logits of {student.kind} have {width} columns, the teacher's "
            f"{rows.vocabulary}; run `check_rows`, which names the remedy"
        )
    return model


@cache
def _loaded(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    # Arms are paired: dropout would drop out different units.
    config = hf_loading.load_config(folder, None, dropout=0.0)
    return hf_loading.load_weights(AutoModelForCausalLM, folder, config, new_head=False)
