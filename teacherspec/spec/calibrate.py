"""`params.yaml: calibrate`: how probabilities are calibrated, and how the result is reported."""

from typing import Annotated, Literal

from pydantic import Field

from teacherspec.spec.section import Section


class NoCalibration(Section):
    """Leave the probabilities as the model gives them."""

    kind: Literal["none"]
    """The method."""


class TemperatureScaling(Section):
    """One number T: softmax(z / T) (Guo et al. 2017). About 100 rows suffice; never changes a prediction."""

    kind: Literal["temperature"] = "temperature"
    """The method."""


class ClassTemperatureScaling(Section):
    """One temperature for each predicted class. Needs hundreds of rows a class; keeps every prediction."""

    kind: Literal["class_temperature"]
    """The method."""

    minimum_rows: int = Field(default=100, ge=10, le=1_000_000)
    """Rows predicted as a class from which it gets a temperature of its own instead of the common one."""


class VectorScaling(Section):
    """A scale and a bias for each class (Guo et al. 2017). Needs about 1,000 rows; can change predictions. Of
    multi-label tasks, Platt scaling of each label."""

    kind: Literal["vector"]
    """The method."""

    shrinkage: float = Field(default=100.0, ge=1e-3, le=1e9)
    """Precision of the prior that pulls each class towards plain temperature scaling; larger pulls harder."""


class DirichletCalibration(Section):
    """A matrix on log-probabilities (Kull et al. 2019). Needs thousands of rows; can change predictions."""

    kind: Literal["dirichlet"]
    """The method."""

    shrinkage: float = Field(default=1000.0, ge=1e-3, le=1e9)
    """Precision of the prior that pulls the matrix towards plain temperature scaling; larger pulls harder."""


class IsotonicRegression(Section):
    """A rising curve for the confidence of the predicted class. Needs about 1,000 rows; never changes a
    prediction, and leaves the proportions among the other classes.
    """

    kind: Literal["isotonic"]
    """The method."""


class HistogramBinning(Section):
    """A constant confidence in each of some equally filled bins. Needs about 1,000 rows; never changes a
    prediction, and leaves the proportions among the other classes.
    """

    kind: Literal["histogram"]
    """The method."""

    n_bins: int = Field(default=15, ge=1, le=1000)
    """Bins at most; equal confidences stay together."""


class Auto(Section):
    """Choose among the other methods, `none` included, by cross-validated NLL on the calibration split, and
    report why: a richer one only where it is clearly better.
    """

    kind: Literal["auto"]
    """The method."""

    folds: int = Field(default=5, ge=2, le=20)
    """Parts of the calibration split; each is scored by a fit on the others."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the order in which rows are assigned to the folds."""


class Conformal(Section):
    """Intervals that hold the score of a share of rows like the calibration split (split conformal
    prediction, Vovk et al. 2005; Lei et al. 2018), around scores that are corrected by a line where that
    helps. For regression.
    """

    kind: Literal["conformal"]
    """The method."""

    level: float = Field(default=0.9, gt=0.5, lt=1.0)
    """Share of rows whose score lies in the interval. n calibration rows can give at most n / (n + 1)."""

    affine: bool = True
    """Whether scores are corrected by slope and intercept, where cross-validation on the calibration split
    finds a smaller squared error by more than its noise."""


Method = Annotated[
    NoCalibration
    | Conformal
    | TemperatureScaling
    | ClassTemperatureScaling
    | VectorScaling
    | DirichletCalibration
    | IsotonicRegression
    | HistogramBinning
    | Auto,
    Field(discriminator="kind"),
]


class Abstention(Section):
    """Abstain from predictions below a confidence, so that those above it keep an error rate."""

    risk: float = Field(gt=0.0, lt=1.0)
    """Largest error rate among accepted rows that are distributed like the calibration split."""

    guarantee: float = Field(default=0.9, gt=0.5, lt=1.0)
    """Probability of keeping it, over the choice of the calibration rows. At 0.9, without any error, a
    risk of 5 % needs 77 accepted rows, one of 1 % needs 390."""


class F1Thresholds(Section):
    """For each label the probability from which it is predicted with the highest F1 on calibration rows."""

    kind: Literal["f1"]
    """The rule."""


class PrecisionThresholds(Section):
    """For each label the lowest probability above which enough of its predictions on calibration rows are
    right; a label that reaches no such precision is never predicted. Not a guarantee: on few rows the
    precision on others may be lower, see the report on test."""

    kind: Literal["precision"]
    """The rule."""

    at_least: float = Field(gt=0.0, le=1.0)
    """Share of right ones among the predictions of a label."""


Thresholds = F1Thresholds | PrecisionThresholds


class Calibrate(Section):
    """Fitted on the calibration split, reported on the others."""

    method: Method = TemperatureScaling()
    """How probabilities are corrected."""

    rows: Literal["calibration", "calibration_and_out_of_fold"] = "calibration"
    """What a calibrator is fitted on. `calibration_and_out_of_fold` adds the train rows, with the logits of
    the models of `finetune.cross_fit`, none of which was trained on the row: many more rows, but of models
    that are not the teacher and were trained on fewer rows. With the method `auto` each method is then a
    candidate with and without them, and the score on calibration rows alone decides. For classifiers."""

    abstain: Abstention | None = None
    """The confidence below which the teacher abstains; none by default. For classifiers."""

    # Left out of what packages record where there is none: they keep the bytes that they had without it.
    thresholds: Annotated[Thresholds, Field(discriminator="kind")] | None = Field(
        default=None, exclude_if=lambda rule: rule is None
    )
    """The calibrated probability from which each label of a multi-label task is predicted; omit for 0.5."""

    n_bins: int = Field(default=15, ge=2, le=1000)
    """Bins of every calibration error and of the reliability diagram."""

    resamples: int = Field(default=1000, ge=100, le=100_000)
    """Bootstrap resamples for intervals, and draws for the noise of a calibration error."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of resamples and draws."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Level of every interval."""
