"""The ways to calibrate that `calibrate.method` can name; each fits itself.

Adding a way is a calibrator, a class here with its `kind`, and its name in the unions.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy.typing as npt
from pydantic import Field

from teacherspec.calibrators.affine import fit_dirichlet, fit_vector
from teacherspec.calibrators.calibrators import Calibrator, Identity, Temperature
from teacherspec.calibrators.class_temperature import fit_class_temperature
from teacherspec.calibrators.temperature import Status, TemperatureFit, fit_temperature
from teacherspec.calibrators.top_label import fit_histogram, fit_isotonic
from teacherspec.spec.section import Section


@dataclass(frozen=True)
class Fitted:
    """A calibrator and how it came about.

    Attributes:
        calibrator: plain data; see `calibrators.apply`.
        temperature: the temperature fit it is or starts from; None if it involves none.
        reason: why this calibrator, one sentence.
    """

    calibrator: Calibrator
    temperature: TemperatureFit | None
    reason: str

    @property
    def status(self) -> Status:
        """`ok`, or why the temperature that this rests on could not be fitted."""
        return "ok" if self.temperature is None else self.temperature.status


class NoCalibration(Section):
    """Leave the probabilities as the model gives them."""

    kind: Literal["none"]
    """The method."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """The identity, whatever the rows."""
        return Fitted(Identity(), None, "declared")


class TemperatureScaling(Section):
    """One number T: softmax(z / T) (Guo et al. 2017). About 100 rows suffice; never changes a prediction."""

    kind: Literal["temperature"] = "temperature"
    """The method."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Fit on logits `[N, C]` and labels `[N]`."""
        found = fit_temperature(logits, labels)
        return Fitted(Temperature(temperature=found.temperature), found, "declared")


class ClassTemperatureScaling(Section):
    """One temperature for each predicted class. Needs hundreds of rows a class; keeps every prediction."""

    kind: Literal["class_temperature"]
    """The method."""

    minimum_rows: int = Field(default=100, ge=10, le=1_000_000)
    """Rows predicted as a class from which it gets a temperature of its own instead of the common one."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Fit on logits `[N, C]` and labels `[N]`."""
        calibrator, common = fit_class_temperature(logits, labels, minimum_rows=self.minimum_rows)
        return Fitted(calibrator, common, "declared")


class VectorScaling(Section):
    """A scale and a bias for each class (Guo et al. 2017). Needs about 1,000 rows; can change predictions."""

    kind: Literal["vector"]
    """The method."""

    shrinkage: float = Field(default=100.0, ge=1e-3, le=1e9)
    """Precision of the prior that pulls each class towards plain temperature scaling; larger pulls harder."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Fit on logits `[N, C]` and labels `[N]`."""
        calibrator, common = fit_vector(logits, labels, shrinkage=self.shrinkage)
        return Fitted(calibrator, common, "declared")


class DirichletCalibration(Section):
    """A matrix on log-probabilities (Kull et al. 2019). Needs thousands of rows; can change predictions."""

    kind: Literal["dirichlet"]
    """The method."""

    shrinkage: float = Field(default=1000.0, ge=1e-3, le=1e9)
    """Precision of the prior that pulls the matrix towards plain temperature scaling; larger pulls harder."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Fit on logits `[N, C]` and labels `[N]`."""
        calibrator, common = fit_dirichlet(logits, labels, shrinkage=self.shrinkage)
        return Fitted(calibrator, common, "declared")


class IsotonicRegression(Section):
    """A rising curve for the confidence of the predicted class. Needs about 1,000 rows; never changes a
    prediction, and leaves the proportions among the other classes.
    """

    kind: Literal["isotonic"]
    """The method."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Fit on logits `[N, C]` and labels `[N]`."""
        return Fitted(fit_isotonic(logits, labels), None, "declared")


class HistogramBinning(Section):
    """A constant confidence in each of some equally filled bins. Needs about 1,000 rows; never changes a
    prediction, and leaves the proportions among the other classes.
    """

    kind: Literal["histogram"]
    """The method."""

    n_bins: int = Field(default=15, ge=1, le=1000)
    """Bins at most; equal confidences stay together."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Fit on logits `[N, C]` and labels `[N]`."""
        return Fitted(fit_histogram(logits, labels, n_bins=self.n_bins), None, "declared")


PlainMethod = Annotated[
    NoCalibration
    | TemperatureScaling
    | ClassTemperatureScaling
    | VectorScaling
    | DirichletCalibration
    | IsotonicRegression
    | HistogramBinning,
    Field(discriminator="kind"),
]
