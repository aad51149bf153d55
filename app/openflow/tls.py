"""TLS towards switches: both ends show a certificate, or nothing is said.

os-ken's options name the files: `ctl_privkey` and `ctl_cert` are ours, `ca_certs` is who signs the certificates of
switches. With them the port speaks TLS and nothing else; without any of them it speaks plain TCP. Some of them is an
error: os-ken would then quietly fall back to plain TCP, or let everybody in.
"""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Any

from app.errors import StartError

OLDEST = ssl.TLSVersion.TLSv1_2
OPTIONS = ("ctl_privkey", "ctl_cert", "ca_certs")


def check(conf: Any) -> bool:
    """Whether switches come by TLS. Raises StartError, in one line, unless the options and their files are in order."""
    given = {name: getattr(conf, name) for name in OPTIONS if getattr(conf, name)}
    if not given:
        return False
    missing = [name for name in OPTIONS if name not in given]
    if missing:
        told = ", ".join(f"{name} = {path}" for name, path in given.items())
        raise StartError(f"{told}: without {' and '.join(missing)} it is of no use; TLS for switches takes all three")
    for name, path in given.items():
        _check_readable(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        equip(context, given["ctl_cert"], given["ctl_privkey"], given["ca_certs"], conf.ciphers)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise StartError(f"TLS for switches: {_cause(given, error, conf.ciphers)}") from error
    _check_signers(given["ca_certs"], context)
    _check_own(given["ctl_cert"], context)
    return True


def equip(context: ssl.SSLContext, certificate: str, key: str, signers: str, ciphers: str | None = None) -> None:
    """Have a server's context show this certificate and want one of these signers. Raises OSError, ValueError."""
    context.minimum_version = OLDEST
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key, password=_no_passphrase)
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_verify_locations(signers)


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted, and nobody is there to be asked for the passphrase")


def _check_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise StartError(f"{name} = {path}: {error.strerror}") from error


def _cause(given: dict[str, str], error: Exception, ciphers: str | None) -> str:
    """Which file it is, for OpenSSL does not say: each is tried alone."""
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in ("ctl_cert", "ca_certs"):
        try:
            trial.load_verify_locations(given[name])
        except OSError:
            return f"{name} = {given[name]} holds no certificate"
    why = str(error.args[0] if error.args else error)
    if ciphers and "cipher" in why.lower():
        return f"ciphers = {ciphers}: {why}"
    key = f"ctl_privkey = {given['ctl_privkey']}"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of ctl_cert = {given['ctl_cert']}"
    return f"{key}: {why}" if isinstance(error, ValueError) else f"{key} holds no private key that can be used"


def _check_signers(path: str, context: ssl.SSLContext) -> None:
    signers = context.get_ca_certs()
    if not signers:
        raise StartError(f"ca_certs = {path} holds no certificate of an authority")
    if all(ssl.cert_time_to_seconds(str(each["notAfter"])) < time.time() for each in signers):
        raise StartError(f"ca_certs = {path}: expired at {signers[0]['notAfter']}")


def _check_own(path: str, context: ssl.SSLContext) -> None:
    """Shake hands with ourselves in memory, as a switch that trusts exactly this certificate: is it valid today?"""
    context.verify_mode = ssl.CERT_NONE  # it was made for these checks alone
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(path)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            raise StartError(f"ctl_cert = {path}: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise StartError(f"ctl_cert = {path}: {error.reason}") from error
