"""The students of `params.yaml: probe`: what they read, how large they are and how they are trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.section import Section


class TrainedStudent(Section):
    """How a student is trained, whatever its architecture."""

    kind: str
    """The architecture."""

    epochs: int = Field(default=20, ge=1, le=1000)
    """Passes over the rows at most; each arm keeps the epoch that is best on rows that choose."""

    batch_size: int = Field(default=64, ge=1, le=65_536)
    """Rows per optimizer step."""

    learning_rate: float = Field(default=0.01, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    weight_decay: float = Field(default=0.5, ge=0.0, le=10.0)
    """Decoupled weight decay. The defaults are those of the best student with labels only."""


class TrainedOnPixels(TrainedStudent):
    """The same with defaults for convolutions and attention."""

    learning_rate: float = Field(default=0.001, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    weight_decay: float = Field(default=0.05, ge=0.0, le=10.0)
    """Decoupled weight decay."""


class NgramEncoder(Section):
    """TF-IDF of n-grams and one hidden layer: reads a text without the order of its words."""

    kind: Literal["bag_of_ngrams"]
    """The architecture."""

    unit: Literal["word", "character"] = "word"
    """What n-grams consist of; `character` for languages that write no spaces between words."""

    longest: int = Field(default=1, ge=1, le=8)
    """Units of the longest n-gram; shorter ones are features too."""

    features: int = Field(default=4096, ge=2, le=1_000_000)
    """N-grams at most: the most frequent of the train rows."""

    hidden: int = Field(default=32, ge=0, le=4096)
    """Width of the hidden layer; 0 for a linear student."""


class BagOfNgrams(NgramEncoder, TrainedStudent):
    """TF-IDF of n-grams and one hidden layer: reads a text without the order of its words. For texts."""


class ReadsWords(Section):
    """How a student reads the words of a text in their order."""

    unit: Literal["word", "character"] = "word"
    """What a text is cut into; `character` for languages that write no spaces between words."""

    words: int = Field(default=4096, ge=2, le=1_000_000)
    """Units of the vocabulary: the most frequent of the train rows."""

    length: int = Field(default=64, ge=2, le=4096)
    """Units of a text that are read, from its beginning."""


class CnnEncoder(ReadsWords):
    """Embeddings, one convolution and the maximum over places (Kim 2014): reads windows of words."""

    kind: Literal["text_cnn"]
    """The architecture."""

    width: int = Field(default=32, ge=1, le=4096)
    """Width of the embeddings."""

    window: int = Field(default=3, ge=1, le=31)
    """Units that the convolution sees at once; odd, so that every unit is the middle of one window."""

    channels: int = Field(default=64, ge=1, le=4096)
    """Features of a window."""

    @field_validator("window")
    @classmethod
    def _has_a_middle(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError("must be odd")
        return window


class TextCnn(CnnEncoder, TrainedStudent):
    """Embeddings, one convolution and the maximum over places (Kim 2014): reads windows of words."""


class TransformerEncoder(ReadsWords):
    """A small BERT from scratch with a vocabulary of its own."""

    kind: Literal["text_transformer"]
    """The architecture."""

    layers: int = Field(default=2, ge=1, le=12)
    """Layers."""

    heads: int = Field(default=4, ge=1, le=64)
    """Attention heads of a layer."""

    width: int = Field(default=64, ge=4, le=4096)
    """Width of the model: a multiple of `heads`."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        return self


class TextTransformer(TransformerEncoder, TrainedStudent):
    """A small BERT from scratch with a vocabulary of its own; a cost of minutes a seed."""

    learning_rate: float = Field(default=0.001, gt=0.0, le=1.0)
    """Of AdamW, constant."""


class ReadsPixels(Section):
    """How a student sees an image: resized to a small square, without augmentation."""

    side: int = Field(default=32, ge=8, le=512)
    """Side of the square, pixels."""


class ResnetEncoder(ReadsPixels):
    """A small ResNet of basic blocks from scratch."""

    kind: Literal["image_resnet"]
    """The architecture."""

    stages: int = Field(default=3, ge=1, le=4)
    """Stages of one block each; each doubles the channels."""

    width: int = Field(default=16, ge=4, le=512)
    """Channels of the first stage."""


class ImageResnet(ResnetEncoder, TrainedOnPixels):
    """A small ResNet of basic blocks from scratch; a cost of minutes a seed."""


class VitEncoder(ReadsPixels):
    """A small ViT from scratch."""

    kind: Literal["image_vit"]
    """The architecture."""

    patch: int = Field(default=4, ge=1, le=64)
    """Side of a patch, pixels: a divisor of `side`."""

    layers: int = Field(default=2, ge=1, le=12)
    """Layers."""

    heads: int = Field(default=4, ge=1, le=64)
    """Attention heads of a layer."""

    width: int = Field(default=64, ge=4, le=4096)
    """Width of the model: a multiple of `heads`."""

    @model_validator(mode="after")
    def _parts_divide(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        if self.side % self.patch:
            raise ValueError(f"side {self.side} is no multiple of the patch's {self.patch}")
        return self


class ImageVit(VitEncoder, TrainedOnPixels):
    """A small ViT from scratch; a cost of minutes a seed."""


class ImageEmbedder(TrainedOnPixels):
    """An image encoder from scratch, and a vector a class in its space: for teachers that embed images."""

    kind: Literal["image_embedder"]
    """The architecture."""

    image: Annotated[ResnetEncoder | VitEncoder, Field(discriminator="kind")] = ResnetEncoder(
        kind="image_resnet"
    )
    """Of images: `image_resnet` or `image_vit`."""

    width: int = Field(default=64, ge=2, le=4096)
    """Width of the embeddings, at most that of the teacher's."""


class DualEncoder(TrainedOnPixels):
    """An image encoder and a text encoder from scratch, in one space; a cost of minutes a seed."""

    kind: Literal["dual_encoder"]
    """The architecture."""

    image: Annotated[ResnetEncoder | VitEncoder, Field(discriminator="kind")] = ResnetEncoder(
        kind="image_resnet"
    )
    """Of images: `image_resnet` or `image_vit`."""

    text: Annotated[NgramEncoder | CnnEncoder | TransformerEncoder, Field(discriminator="kind")] = (
        NgramEncoder(kind="bag_of_ngrams")
    )
    """Of texts: `bag_of_ngrams`, `text_cnn` or `text_transformer`."""

    width: int = Field(default=64, ge=2, le=4096)
    """Width of the embeddings, at most that of the teacher's."""
