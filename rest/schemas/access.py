"""The bodies that have to do with access: tokens and logging in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from app.core.parsing import Invalid
from app.core.tokens import BUILT_IN, OF_TENANT, Role, parse_certificate
from rest.caller import ROLES
from rest.fields import Description, Document, Name, Text, checked
from rest.validation import Schema, fields_of


def parse_moment(text: str) -> str:
    """RFC 3339 in UTC, to the second."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not text.endswith("Z") or len(text) < len("2027-01-31T00:00:00Z"):
        raise Invalid("malformed", f"{text[:40]!r} is not a time in UTC", "2027-01-31T00:00:00Z")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_token_id(text: str) -> str:
    if text == BUILT_IN:
        raise Invalid("reserved", f"{BUILT_IN} is the token of the state directory")
    return text


class TokenBody(Document):
    """A new token. With `certificate` whoever shows a client certificate with that name needs no secret, and there is
    none."""

    id: Annotated[Name, checked(parse_token_id)] | None = None
    role: Role
    tenant: Name | None = None
    description: Description = ""
    expires_at: Annotated[Text, checked(parse_moment)] | None = None
    certificate: Annotated[Text, checked(parse_certificate)] | None = None


class LoginBody(Document):
    """What turns a token into a session of the dashboard."""

    token: Annotated[str, Field(max_length=256)]


def in_token(document: Any) -> Iterator[tuple[tuple[str | int, ...], str, str, str | None]]:
    """A role belongs to a tenant or it does not."""
    if not isinstance(document, dict) or not isinstance(document.get("role"), str):
        return
    role, tenant = document["role"], document.get("tenant")
    if role in OF_TENANT and tenant is None:
        yield ("tenant",), "missing_field", f"a {role} belongs to a tenant", None
    if role in ROLES and role not in OF_TENANT and tenant is not None:
        yield ("tenant",), "contradiction", f"{role} is a role for all tenants", "tenant-admin"


TOKEN = Schema(TypeAdapter(TokenBody), {"": fields_of(TokenBody)}, in_token)
LOGIN = Schema(TypeAdapter(LoginBody), {"": fields_of(LoginBody)})
