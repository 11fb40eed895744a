"""`params.yaml: finetune`: how the base is adapted to the task."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.augmentation import Augmentation
from teacherspec.spec.section import Section

Chance = Literal["initial_weights", "data_order", "dropout"]
"""What a training draws at random."""

CHANCES: tuple[Chance, ...] = get_args(Chance)

SelectionMetric = Literal[
    "nll", "accuracy", "macro_f1", "brier", "recall_at_1", "recall_at_5", "recall_at_10",
    "micro_f1", "subset_accuracy", "mean_average_precision",
    "mse", "mae", "pearson", "spearman", "f1",
]  # fmt: skip


class CrossEntropy(Section):
    """Negative log-likelihood of the label."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    """The loss."""

    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Probability mass spread evenly over all classes in training. It improves calibration, but removes what
    a student could learn from the probabilities of wrong classes (Müller et al. 2019); prefer 0."""


class Focal(Section):
    """Focal loss (Lin et al. 2017): easy examples weigh less, which counters over-confidence."""

    kind: Literal["focal"]
    """The loss."""

    gamma: float = Field(default=2.0, ge=0.0, le=10.0)
    """Exponent of (1 − p): 0 is cross-entropy."""


class BinaryLoss(Section):
    """What losses of rows with several labels share: a term for each label, averaged over the labels."""

    pos_weight: Literal["balanced"] | float | None = None
    """Weight of the loss of labels that a row has, relative to those that it has not: a number for all
    labels; `balanced` for the ratio of rows without each label to rows with it in train, at most 100; omit
    for 1. It raises recall, and the probabilities too, which calibration then has to lower again."""

    @field_validator("pos_weight")
    @classmethod
    def _is_positive(cls, pos_weight: object) -> object:
        if isinstance(pos_weight, float) and pos_weight <= 0:
            raise ValueError(f"must be above 0 (given {pos_weight:g})")
        return pos_weight


class BinaryCrossEntropy(BinaryLoss):
    """Negative log-likelihood of each label of a row by itself, for multi-label tasks."""

    kind: Literal["binary_cross_entropy"]
    """The loss."""

    gamma: float = Field(default=0.0, ge=0.0, le=10.0)
    """Exponent of (1 − p) of the focal loss (Lin et al. 2017); 0 is plain binary cross-entropy."""


class Asymmetric(BinaryLoss):
    """Asymmetric loss (Ridnik et al. 2021, arXiv 2009.14119): of the many labels that a row has not, easy
    ones weigh less than of those that it has, and almost certain ones nothing. For multi-label tasks."""

    kind: Literal["asymmetric"]
    """The loss."""

    gamma_positive: float = Field(default=0.0, ge=0.0, le=10.0)
    """Exponent of (1 − p) for labels that a row has."""

    gamma_negative: float = Field(default=4.0, ge=0.0, le=10.0)
    """Exponent of p for labels that a row has not."""

    margin: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Probability that is subtracted from p for labels that a row has not, at least 0 remaining."""


class Contrastive(Section):
    """Contrastive loss of image-text pairs: each image against all texts of the optimizer step, and each text
    against all its images (Radford et al. 2021, arXiv 2103.00020). With class prompts this fine-tunes a dual
    encoder the way it was trained (Goyal et al. 2023, arXiv 2212.00638). Two equal texts are no negatives of
    each other, and the loss is that of `batch_size` pairs whatever the micro-batch (gradient caching, Gao et
    al. 2021, arXiv 2101.06983)."""

    kind: Literal["contrastive"]
    """The loss."""

    pairing: Literal["softmax", "sigmoid"] = "softmax"
    """`softmax` as CLIP was trained; `sigmoid` as SigLIP was (Zhai et al. 2023, arXiv 2303.15343)."""


class Full(Section):
    """Train every parameter that is not frozen."""

    kind: Literal["full"] = "full"
    """The method."""

    freeze: tuple[str, ...] | Literal["backbone"] | None = None
    """Modules whose weights are not trained, by the beginning of their names within the backbone (such as
    `encoder.layer.0` or `embeddings`); `backbone` freezes all of it and trains the head alone. Parts of a
    `vision_language` model are `vision_tower`, `projector` and `language_model`; omit to freeze the vision
    tower of a pre-trained one, and nothing of other models."""


class Lora(Section):
    """Train low-rank updates (LoRA, Hu et al. 2021) and the new head; the updates are merged into the weights
    in float32 at the end.

    Of a `vision_language` model, only the language model gets updates."""

    kind: Literal["lora"]
    """The method."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Rank of each update."""

    alpha: float = Field(default=32.0, gt=0.0)
    """Scale: the update is multiplied by alpha / rank."""

    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Dropout probability on the update's input."""

    dora: bool = False
    """Train the magnitude of each weight column separately from its direction (DoRA, Liu et al. 2024)."""

    quantize: Literal["nf4"] | None = None
    """Keep the backbone's linear layers in 4 bits while the updates are trained (`nf4`; QLoRA, Dettmers et
    al. 2023), for bases that do not fit into memory otherwise. The teacher is the quantised base, converted
    back to float32, with the updates added. Needs the optional library bitsandbytes."""

    target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the layers that get an update; `all-linear` takes every linear layer of the backbone."""

    modules_to_save: tuple[str, ...] = ()
    """Parts of the model that are trained in full in addition to the updates, such as `projector`."""


class EarlyStopping(Section):
    """Stop when the validation split no longer improves."""

    patience: int = Field(ge=1)
    """Evaluations without improvement before stopping."""

    min_delta: float = Field(default=0.0, ge=0.0)
    """Smallest change of the metric that counts as improvement, in the metric's unit."""


class RunningMean(Section):
    """Use the exponential running mean of the trained weights (EMA) in place of the last ones: less dependent
    on the last batches, often better calibrated, at the cost of one more copy of them in memory
    (Morales-Brotons et al. 2024, arXiv 2411.18704)."""

    decay: float = Field(default=0.98, gt=0.0, lt=1.0)
    """Share of itself that the mean keeps at each optimizer step: it covers about the last 1 / (1 - decay)
    steps. As long as there were fewer, it is the plain mean of all weights so far."""


class Finetune(Section):
    """Supervised fine-tuning of the base on the train split."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the new head's weights, the order of the examples, and dropout."""

    seeds: int | None = Field(default=None, ge=2, le=100)
    """Train so many times, with `seed` and the whole numbers after it, and report the spread of the metrics
    over these trainings; omit for one. Costs as many trainings, and disk for as many models."""

    seeds_vary: tuple[Chance, ...] = Field(default=CHANCES, min_length=1)
    """What changes with the seed from one training to the next, the rest stays that of `seed`: weights that
    are drawn at random (head, low-rank updates), the order of the examples (and augmentation), dropout."""

    teacher: Literal["first_seed", "best_seed", "mean_of_seeds", "mean_of_folds"] = "first_seed"
    """Which weights become the teacher: of the first training; of the one with the best `selection_metric` on
    validation; or the mean over all of the parameters (Wortsman et al. 2022, arXiv 2203.05482), which must
    have started from equal or fitted heads. `mean_of_folds` is the mean of the models of `cross_fit`; none is
    then trained on all rows."""

    method: Annotated[Full | Lora, Field(discriminator="kind")] = Full()
    """Which parameters are trained."""

    linear_probe_first: bool = False
    """Start the new output layer as a linear probe: logistic regression on the frozen backbone's features,
    with the L2 penalty that the validation split prefers (LP-FT: linear probing, then fine-tuning; Kumar et
    al. 2022, arXiv 2202.10054). Often as accurate in distribution and better out of distribution, in fewer
    epochs. Only for kinds of task whose model gets a new head. Dual encoders have none, because their
    classes are prompts: see `loss` and `weight_interpolation`."""

    loss: Annotated[
        CrossEntropy | Focal | Contrastive | BinaryCrossEntropy | Asymmetric, Field(discriminator="kind")
    ] = CrossEntropy()
    """Training loss; reported losses are always the plain negative log-likelihood."""

    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` weighs each class by the inverse of its frequency in train (mean weight 1)."""

    epochs: int = Field(ge=1, le=1000)
    """Passes over the train split at most; early stopping may end sooner."""

    batch_size: int = Field(ge=1, le=65_536)
    """Examples per optimizer step, over all processes and micro-batches together."""

    learning_rate: float = Field(gt=0.0, le=1.0)
    """Peak learning rate of AdamW."""

    head_learning_rate: float | None = Field(default=None, gt=0.0, le=1.0)
    """Peak learning rate of the parameters outside the backbone, usually above that of the backbone where
    the head starts from random weights; omit for `learning_rate`. Only where there is a new head."""

    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Fraction of all steps during which the learning rate rises from 0."""

    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Learning-rate schedule after the warm-up."""

    weight_decay: float = Field(default=0.01, ge=0.0, le=1.0)
    """Decoupled weight decay; not applied to biases and normalisation layers."""

    max_grad_norm: float = Field(default=1.0, gt=0.0)
    """Gradients are clipped to this global L2 norm."""

    dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Probability of every dropout layer; omit to keep the base's own values."""

    batch_norm: Literal["frozen", "updated"] | None = None
    """BatchNorm statistics in training: `frozen` uses those of the base, so that neither the micro-batch nor
    the last batches change the model; `updated` uses those of each micro-batch. Omit for `frozen` where the
    base is pre-trained, and `updated` where its weights are randomly initialised."""

    augmentation: Augmentation | None = None
    """Random changes of training images; omit to process them as in evaluation."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of forward and backward passes; master weights and optimizer stay float32."""

    selection_metric: SelectionMetric = "nll"
    """Validation metric by which the checkpoint is chosen and training is stopped early."""

    evaluations_per_epoch: int = Field(default=1, ge=1, le=100)
    """How often per epoch the validation split is measured and a checkpoint written."""

    early_stopping: EarlyStopping | None = None
    """Omit to train all epochs; the best checkpoint is used either way."""

    running_mean: RunningMean | None = None
    """Measure, choose and package the running mean of the weights; omit for the weights themselves. Of LoRA
    it is the mean of the low-rank factors, before they are merged; `weight_interpolation` comes last."""

    weight_interpolation: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Interpolate linearly between the weights that training started from and the fine-tuned ones, with this
    weight of the latter: often as accurate in distribution and better out of distribution (WiSE-FT, Wortsman
    et al. 2022, arXiv 2109.01903). A new head needs `linear_probe_first`, so that it starts from a
    classifier; omit to keep the weights as they were trained."""

    cross_fit: bool = False
    """Fine-tune one further model for each fold of `prepare.folds`, on the other folds, and store its logits
    on that fold: soft targets of train rows from models that were not trained on them. Off by default: it
    costs as many trainings as there are folds."""

    ensemble: bool = False
    """Run the models of `cross_fit` on all splits but `train` and `test` too, for soft targets from their
    mean distribution, with their disagreement: see the page on the teacher package. On train rows the
    out-of-fold logits are the only ones of a model that has not seen the row."""

    @model_validator(mode="after")
    def _ensemble_has_models(self) -> Self:
        if self.ensemble and not self.cross_fit:
            raise ValueError("`ensemble` uses the models of `cross_fit`: declare `cross_fit: true`")
        return self
