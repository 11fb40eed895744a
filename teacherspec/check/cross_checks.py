"""All rules between the sections of a declaration, in the order of the pipeline."""

from teacherspec.check.rules import base_candidates, data, measurement, packaging, probing, training

RULES = (
    *data.RULES,
    *base_candidates.RULES,
    *training.RULES,
    *measurement.RULES,
    *probing.RULES,
    *packaging.RULES,
)
