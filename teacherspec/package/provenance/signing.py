"""Detached signatures of a package with the OpenSSF's model-signing: a key pair of the user, no network.

Checksums show that a package is complete; only a signature proves who made it.
"""

from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import UserError

SHOWN_CHARACTERS = 120
NEEDED = "signatures need the package model-signing; install it with `pip install 'teacherspec[signing]'`"


def sign(folder: Path, signature: Path, private_key: Path) -> None:
    """Sign every file of the package in `folder` with an elliptic-curve key (PEM); write `signature`.

    Raises:
        UserError: the key cannot be used, or model-signing is not installed.
    """
    try:
        from model_signing import signing
    except ImportError as error:
        raise UserError(NEEDED) from error
    try:
        signing.Config().use_elliptic_key_signer(private_key=private_key).sign(folder, signature)
    except (AttributeError, ValueError, TypeError, OSError) as error:  # AttributeError: another kind of key
        raise UserError(
            f"{private_key}: cannot sign with it ({error}); give an elliptic-curve private key in PEM "
            "without password, such as of `openssl ecparam -name prime256v1 -genkey -noout`"
        ) from error


@dataclass(frozen=True)
class Signature:
    """A signature that a package must have.

    Attributes:
        file: the detached signature.
        public_key: of who must have made it, PEM.
    """

    file: Path
    public_key: Path

    def problems(self, folder: Path) -> list[str]:
        """Why this is no signature of exactly the files in `folder` by this key; empty where it is.

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
        try:
            verifying.Config().use_elliptic_key_verifier(public_key=self.public_key).verify(folder, self.file)
        except Exception as error:  # whatever the library raises, the signature is not verified
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:SHOWN_CHARACTERS]
            return [f"{self.file}: signs other files, or with another key than {self.public_key} ({reason})"]
        return []
