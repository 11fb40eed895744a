"""The students of language models."""

from typing import Literal, Self

from pydantic import Field, model_validator

from teacherspec.spec.probe.students import TrainedStudent
from teacherspec.spec.student import StudentSource


class SmallLlama(TrainedStudent):
    """A small Llama from scratch over the teacher's tokens; a cost of minutes a seed. For language models."""

    kind: Literal["small_llama"]
    """The architecture."""

    layers: int = Field(default=2, ge=1, le=64)
    """Layers."""

    heads: int = Field(default=4, ge=1, le=128)
    """Attention heads of a layer."""

    width: int = Field(default=64, ge=4, le=16_384)
    """Width of the model: a multiple of twice `heads`, as rotary positions turn pairs of numbers."""

    batch_size: int = Field(default=16, ge=1, le=65_536)
    """Answers per optimizer step."""

    learning_rate: float = Field(default=0.003, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    weight_decay: float = Field(default=0.1, ge=0.0, le=10.0)
    """Decoupled weight decay."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is no multiple of twice {self.heads} heads")
        return self


class PretrainedLm(TrainedStudent):
    """A pre-trained language model with the teacher's tokens, all weights trained. For language models."""

    kind: Literal["pretrained_lm"]
    """The architecture is that of its `config.json`."""

    source: StudentSource
    """Where it is: `hub` (repository and commit) or `path` (folder with config, tokenizer and safetensors).
    What is changed in a folder is not noticed: probe again by `dvc repro --single-item --force probe`."""

    epochs: int = Field(default=3, ge=1, le=1000)
    """Passes over the rows at most; each arm keeps the epoch that is best on rows that choose."""

    batch_size: int = Field(default=16, ge=1, le=65_536)
    """Answers per optimizer step."""

    learning_rate: float = Field(default=1e-4, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    weight_decay: float = Field(default=0.01, ge=0.0, le=10.0)
    """Decoupled weight decay."""
