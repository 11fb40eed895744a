"""All rules between the sections of a declaration, in the order of the pipeline."""

from teacherspec.check.rules import data, measurement, packaging, training

RULES = (*data.RULES, *training.RULES, *measurement.RULES, *packaging.RULES)
