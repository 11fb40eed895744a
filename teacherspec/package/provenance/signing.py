"""Detached signatures of a package with the OpenSSF's model-signing: a key pair of the user, no network.

Checksums show that a package is complete; only a signature proves who made it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.errors import UserError

SHOWN_CHARACTERS = 120
NEEDED = "signatures need the package model-signing; install it with `pip install 'teacherspec[signing]'`"


def sign(signed: Path, signature: Path, private_key: Path) -> None:
    """Sign one file, or every file of a folder, with an elliptic-curve key (PEM); write `signature`.

    Raises:
        UserError: the key cannot be used, or model-signing is not installed.
    """
    try:
        from model_signing import signing
    except ImportError as error:
        raise UserError(NEEDED) from error
    try:
        with without_links(signed) as files:
            signing.Config().use_elliptic_key_signer(private_key=private_key).sign(files, signature)
    except (AttributeError, ValueError, TypeError, OSError) as error:  # AttributeError: another kind of key
        raise UserError(
            f"{private_key}: cannot sign with it ({error}); give an elliptic-curve private key in PEM "
            "without password, such as of `openssl ecparam -name prime256v1 -genkey -noout`"
        ) from error


@contextmanager
def without_links(folder: Path) -> Iterator[Path]:
    """The folder or file itself, or a copy where DVC's links stand for files: model-signing refuses links."""
    if not any(path.is_symlink() for path in folder.rglob("*")):
        yield folder
        return
    with TemporaryDirectory(dir=folder.resolve().parent, prefix=f".{folder.name}.") as scratch:
        yield Path(shutil.copytree(folder, Path(scratch) / folder.name))


@dataclass(frozen=True)
class Signature:
    """A signature that a package, or a file, must have.

    Attributes:
        file: the detached signature.
        public_key: of who must have made it, PEM.
    """

    file: Path
    public_key: Path

    def problems(self, signed: Path) -> list[str]:
        """Why this is no signature by this key of exactly the file, or the files of the folder, `signed`.

        Raises:
            UserError: model-signing is not installed.
        """
        try:
            from model_signing import verifying
        except ImportError as error:
            raise UserError(NEEDED) from error
        missing = [f"{path}: not found" for path in (self.file, self.public_key) if not path.is_file()]
        if missing:
            return missing
        if (unusable := _unusable(self.public_key)) is not None:
            return [unusable]
        try:
            with without_links(signed) as files:
                verifying.Config().use_elliptic_key_verifier(public_key=self.public_key).verify(
                    files, self.file
                )
        except Exception as error:  # whatever the library raises, the signature is not verified
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:SHOWN_CHARACTERS]
            return [f"{self.file}: signs other files, or with another key than {self.public_key} ({reason})"]
        return []


def _unusable(public_key: Path) -> str | None:
    """Why a file is no elliptic-curve public key in PEM; None where it is one."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = public_key.read_bytes()
    if b"PRIVATE KEY-----" in content:
        return f"{public_key}: is a private key; give the public one, of `openssl ec -in KEY -pubout`"
    try:
        if isinstance(load_pem_public_key(content), EllipticCurvePublicKey):
            return None
    except (ValueError, UnsupportedAlgorithm):
        pass
    return f"{public_key}: is no elliptic-curve public key in PEM, of which signatures are made here"
