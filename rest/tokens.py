"""The admin token: made once, kept in a file that only its owner can read, compared without telling by time."""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
import stat
from hashlib import sha256
from pathlib import Path

FILE = "admin.token"
TOKEN = re.compile(r"ow_[A-Za-z0-9_-]{43}")
BEARER = re.compile(r"(?i:bearer) +(ow_[A-Za-z0-9_-]{43}) *")


class TokenError(Exception):
    """The token file cannot be trusted or made. `exit_message` is the one line for the operator."""

    def __init__(self, exit_message: str) -> None:
        super().__init__(exit_message)
        self.exit_message = exit_message


class Tokens:
    """The tokens that are let in, known by their SHA-256 only."""

    def __init__(self, *tokens: str) -> None:
        self._digests = tuple(digest_of(token) for token in tokens)

    @classmethod
    def open(cls, state_dir: str | os.PathLike[str]) -> Tokens:
        """The admin token of a state directory, made there at first start. `TokenError` if it cannot be trusted."""
        return cls(admin_token(state_dir))

    def __repr__(self) -> str:
        return f"<{len(self._digests)} tokens>"

    def knows(self, digest: str) -> bool:
        """Is this, in hexadecimal, the SHA-256 of one of them?"""
        # Every digest is compared, so that the time does not tell which one came near.
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0

    def accept(self, authorization: str | None) -> bool:
        """Does this ``Authorization`` header carry a known bearer token?"""
        secret = secret_of(authorization or "")
        return secret is not None and self.knows(digest_of(secret))


def secret_of(authorization: str) -> str | None:
    """The token in an ``Authorization`` header."""
    match = BEARER.fullmatch(authorization)
    return match[1] if match else None


def digest_of(secret: str) -> str:
    """What is kept of a token: its SHA-256, in hexadecimal. It is 256 random bits, so nobody finds it by trying."""
    return sha256(secret.encode()).hexdigest()


def mint() -> str:
    """A new token: 256 random bits."""
    return "ow_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def admin_token(state_dir: str | os.PathLike[str]) -> str:
    """The token in ``<state_dir>/admin.token``, made at the first call. `TokenError` if it cannot be trusted."""
    path = Path(state_dir) / FILE
    try:
        if not path.is_symlink() and not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise TokenError(f"{path}: {error.strerror or error}") from None


def _create(path: Path) -> None:
    """Write aside, sync, then link: a crash leaves the whole token or none, and of two starters one wins."""
    aside = path.with_name(f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(mint() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        aside.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> str:
    # O_NOFOLLOW: whoever may write the directory must not point us elsewhere; O_NONBLOCK: nor at a pipe.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise TokenError(f"{path} is not a regular file")
        if state.st_uid not in (0, os.geteuid()):
            raise TokenError(f"{path} belongs to user {state.st_uid}, not to this process")
        if state.st_mode & 0o077:
            mode = stat.S_IMODE(state.st_mode)
            raise TokenError(f"{path} has mode {mode:04o}: others may have read it; remove it or chmod 600")
        token = file.read(200).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(token):
        raise TokenError(f"{path} does not hold a token; remove it and a new one is made")
    return token
