"""`params.yaml: calibrate`, how probabilities are made honest and how that is shown."""

from typing import Annotated

from pydantic import Field

from teacherspec.calibrators.auto_select import Auto
from teacherspec.calibrators.methods import (
    ClassTemperatureScaling,
    DirichletCalibration,
    HistogramBinning,
    IsotonicRegression,
    NoCalibration,
    TemperatureScaling,
    VectorScaling,
)
from teacherspec.spec.section import Section

Method = Annotated[
    NoCalibration
    | TemperatureScaling
    | ClassTemperatureScaling
    | VectorScaling
    | DirichletCalibration
    | IsotonicRegression
    | HistogramBinning
    | Auto,
    Field(discriminator="kind"),
]


class Calibrate(Section):
    """Fitted on the calibration split, reported on the others."""

    method: Method = TemperatureScaling()
    """How probabilities are corrected."""

    n_bins: int = Field(default=15, ge=2, le=1000)
    """Bins of every calibration error and of the reliability diagram."""

    resamples: int = Field(default=1000, ge=100, le=100_000)
    """Bootstrap resamples behind intervals, and draws behind the noise of a calibration error."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of resamples and draws."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Level of every interval."""
