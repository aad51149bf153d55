"""A token: what whoever shows it may do. The secret itself is nowhere, only its digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from app.core.parsing import Invalid, parse_name
from app.core.zones import seconds_of

Role = Literal["admin", "operator", "tenant-admin", "viewer", "metrics"]
OF_TENANT = ("tenant-admin", "viewer")
DIGEST = re.compile(r"[0-9a-f]{64}")
# Names that a client certificate carries: of its subjectAltName (RFC 5280 §4.2.1.6), or the subject's common name.
CERTIFICATE = re.compile(r"(DNS|URI|email|IP|CN):[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
BUILT_IN = "admin"  # the token of the state directory


@dataclass(frozen=True, slots=True)
class Token:
    """`digest` is the secret's SHA-256 in hexadecimal; `certificate` is the name in a client certificate that stands
    for it, like ``DNS:ci.example``. It has one of them or both. Times are RFC 3339."""

    name: str
    role: Role
    tenant: str | None = None
    digest: str | None = None
    certificate: str | None = None
    description: str = ""
    expires_at: str | None = None
    first_used_at: str | None = None

    def __post_init__(self) -> None:
        if parse_name(self.name) == BUILT_IN:
            raise Invalid("reserved", f"{BUILT_IN} is the token of the state directory")
        if (self.tenant is not None) != (self.role in OF_TENANT):
            raise Invalid("wrong_tenant", "tenant-admin and viewer have a tenant, other roles have none")
        if self.digest is None and self.certificate is None:
            raise Invalid("missing", "a token has a secret or a certificate")
        if self.digest is not None and not DIGEST.fullmatch(self.digest):
            raise Invalid("not_canonical", "a digest is 64 hexadecimal digits")
        if self.certificate is not None and parse_certificate(self.certificate) != self.certificate:
            raise Invalid("not_canonical", f"{self.certificate} is not canonical")
        for moment in (self.expires_at, self.first_used_at):
            if moment is not None:
                seconds_of(moment)

    @property
    def id(self) -> tuple[str, ...]:
        return (self.name,)

    def is_expired(self, now: float) -> bool:
        """`now` in seconds since 1970."""
        return self.expires_at is not None and seconds_of(self.expires_at) <= now


def parse_certificate(text: str) -> str:
    """A name in a certificate, canonical: names of hosts in lower case, addresses as Python writes them."""
    if not CERTIFICATE.fullmatch(text):
        raise Invalid("malformed", f"{text[:80]!r} is no name in a certificate", "DNS:ci.example")
    kind, _, name = text.partition(":")
    return f"{kind}:{name.lower()}" if kind in ("DNS", "email") else text
