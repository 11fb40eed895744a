"""Whether an attestation is of a package, and names the repository, commit and tag that are expected.

A package has the same bytes under every tag, so no version is in it: a signature of the package alone also
holds for an older package of the same signer. The attestation names repository, commit, tags and the
package's name, and the package by the digest of its `SHA256SUMS`; signed, it signs all of these together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from teacherspec.errors import UserError
from teacherspec.package.provenance.attestation import BUILD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE
from teacherspec.package.provenance.signing import Signature
from teacherspec.package.verification.checksums import SUMS
from teacherspec.runtime.atomic_io import read_json, sha256_file

STATEMENT_BYTES = 16 << 20
"""Size up to which a statement is read; one with a thousand files of base and data takes 0.2 MB."""


class _Subject(BaseModel):
    name: str
    digest: dict[str, str]


class _Annotations(BaseModel):
    tags: tuple[str, ...] = ()
    changed: bool


class _Dependency(BaseModel):
    name: str
    uri: str | None = None
    digest: dict[str, str]
    annotations: _Annotations | None = None


class _Definition(BaseModel):
    build_type: str = Field(alias="buildType")
    dependencies: tuple[_Dependency, ...] = Field(alias="resolvedDependencies")


class _Predicate(BaseModel):
    definition: _Definition = Field(alias="buildDefinition")


class _Statement(BaseModel):
    """What is read of an in-toto Statement that `attestation.statement` wrote."""

    type: str = Field(alias="_type")
    predicate_type: str = Field(alias="predicateType")
    subject: tuple[_Subject, ...]
    predicate: _Predicate


@dataclass(frozen=True)
class AttestedBuild:
    """An attestation that a package must have; what is None is not compared.

    Attributes:
        file: the statement.
        repository: public address that it must name, as `public_url` gives it.
        commit: full hash that it must name.
        tag: one of the tags that it must name, such as `teacher@v1.2.0`.
        signature: what must sign the statement.
    """

    file: Path
    repository: str | None = None
    commit: str | None = None
    tag: str | None = None
    signature: Signature | None = None

    def problems(self, folder: Path) -> list[str]:
        """Everything in which the statement is not of the package in `folder` or not what is expected.

        Raises:
            UserError: model-signing is needed and not installed.
        """
        if self.signature is not None and (unsigned := self.signature.problems(self.file.resolve())):
            return unsigned
        try:
            found = _read(self.file)
        except UserError as error:
            return list(error.problems)
        return [f"{self.file}: {text}" for text in (*_differences(found, folder), *self._unexpected(found))]

    def summary(self) -> str:
        """What the statement, which can be read, names, and whether that was signed."""
        repository = _repository(_read(self.file))
        if repository is None:
            named = "names no commit"
        else:
            tags = repository.annotations.tags if repository.annotations else ()
            place = (repository.uri or "a repository without address").removeprefix("git+")
            named = f"names {place}, {', '.join(tags) or 'no tag'}"
        return f"{named}; {'signed' if self.signature else 'not signed: anybody can have written it'}"

    def _unexpected(self, found: _Statement) -> Iterator[str]:
        """Each expected value that the statement does not name."""
        if (self.repository, self.commit, self.tag) == (None, None, None):
            return
        repository = _repository(found)
        if repository is None:
            yield "names no commit; it was not written in a git repository"
            return
        commit = repository.digest.get("gitCommit", "none")
        uri = repository.uri
        place = "none" if uri is None else uri.removeprefix("git+").rpartition("@")[0]
        tags = repository.annotations.tags if repository.annotations else ()
        if uri is not None and uri.rpartition("@")[2] != commit:
            yield f"contradicts itself: its address is {uri}, its commit {commit}"
        if self.repository not in (None, place):
            yield f"repository is {place}, expected {self.repository}"
        if self.commit not in (None, commit):
            yield f"commit is {commit}, expected {self.commit}"
        if self.tag is not None and self.tag not in tags:
            yield f"tag is {', '.join(tags) or 'none'}, expected {self.tag}"
        if repository.annotations is None or repository.annotations.changed:
            yield "tracked files differed from the commit when it was written"


def require_attested(file: Path, folder: Path) -> tuple[str, ...]:
    """The tags that the statement `file` names.

    Raises:
        UserError: it cannot be read, or is of another package than that in `folder`.
    """
    found = _read(file)
    if problems := list(_differences(found, folder)):
        raise UserError([f"{file}: {problem}" for problem in problems])
    repository = _repository(found)
    return repository.annotations.tags if repository and repository.annotations else ()


def _read(file: Path) -> _Statement:
    """The statement in `file`.

    Raises:
        UserError: it is none, or too large.
    """
    if not file.is_file() or file.stat().st_size > STATEMENT_BYTES:
        raise UserError(f"{file}: is no file, or larger than {STATEMENT_BYTES >> 20} MiB; no statement is")
    try:
        found = _Statement.model_validate_json(file.read_bytes())
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()]
    else:
        kinds = {
            "_type": (found.type, STATEMENT_TYPE),
            "predicateType": (found.predicate_type, PREDICATE_TYPE),
            "buildType": (found.predicate.definition.build_type, BUILD_TYPE),
        }
        faults = [f"{key}: is {own}, not {ours}" for key, (own, ours) in kinds.items() if own != ours]
    if faults:
        raise UserError(
            [f"{file}: no statement of `teacherspec write-attestation`: {fault}" for fault in faults]
        )
    return found


def _differences(found: _Statement, folder: Path) -> Iterator[str]:
    """Name and digest of a subject that are not those of the package."""
    name = f"{read_json(folder / 'metadata.json')['name']}/{SUMS}"
    digest = sha256_file(folder / SUMS)
    if len(found.subject) != 1:
        yield f"names {len(found.subject)} subjects; a package is one"
    for subject in found.subject:
        if subject.name != name:
            yield f"subject is {subject.name}, the package {name}"
        if subject.digest != {"sha256": digest}:
            stated = subject.digest.get("sha256", "missing")
            yield f"of another package: sha256 of {SUMS} is {stated} there, {digest} here"


def _repository(found: _Statement) -> _Dependency | None:
    parts = (part for part in found.predicate.definition.dependencies if part.name == "repository")
    return next(parts, None)
