"""TLS for the REST API: our certificate, and whose certificates clients may show instead of a token.

A client may show none; one that shows a certificate which nobody we trust has signed is not spoken to. Files that
change are read again, so that a renewed certificate needs no restart.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import structlog
from eventlet.green import ssl

from rest.listening import ListenError

OLDEST = ssl.TLSVersion.TLSv1_2

log = structlog.get_logger("rest")


@dataclass(frozen=True, slots=True)
class Files:
    """Absolute paths of PEM files. Without `client_ca` no client is asked for a certificate."""

    certificate: str
    private_key: str
    client_ca: str | None = None

    def named(self) -> dict[str, str]:
        """By the setting that names it."""
        named = {"rest_certificate": self.certificate, "rest_private_key": self.private_key}
        return named | ({"rest_client_ca": self.client_ca} if self.client_ca else {})


class Credentials:
    """The files as they are now, or as they were when they last made sense. `ListenError`, in one line, if they make
    none at the start."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._stamp = self._stamps()
        self._context = _context(files)

    def wrap(self, connection: Any) -> Any:
        """The connection with TLS on it; nothing has been said yet, that is what `do_handshake` does."""
        self._refresh()
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def _refresh(self) -> None:
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = _context(self._files)
        except ListenError as error:
            log.error("rest.tls", error=error.exit_message, still="with what was there before")
        else:
            log.info("rest.tls", certificate=self._files.certificate)

    def _stamps(self) -> tuple[Any, ...]:
        return tuple(_stamp(path) for path in self._files.named().values())


def _stamp(path: str) -> Any:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ino, state.st_size


def _context(files: Files) -> Any:
    for name, path in files.named().items():
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise ListenError(f"{name} = {path}: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = OLDEST
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.private_key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ListenError(_cause(files, error)) from None
    if files.client_ca:
        _trust(context, files.client_ca)
    return context


def _trust(context: Any, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError:
        raise ListenError(f"rest_client_ca = {path} holds no certificate") from None
    signers = context.get_ca_certs()
    if not signers:
        raise ListenError(f"rest_client_ca = {path} holds no certificate of an authority")
    if all(ssl.cert_time_to_seconds(str(each["notAfter"])) < time.time() for each in signers):
        raise ListenError(f"rest_client_ca = {path}: expired at {signers[0]['notAfter']}")
    context.verify_mode = ssl.CERT_OPTIONAL


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted, and nobody is there to be asked for the passphrase")


def _cause(files: Files, error: Exception) -> str:
    """Which file it is, for OpenSSL does not say."""
    key = f"rest_private_key = {files.private_key}"
    if isinstance(error, ValueError):
        return f"{key}: {error}"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of rest_certificate = {files.certificate}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.certificate)
    except OSError:
        return f"rest_certificate = {files.certificate} holds no certificate"
    return f"{key} holds no private key that can be used"
