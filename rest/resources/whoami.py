"""/v1/whoami: as whom the caller is taken."""

from __future__ import annotations

from typing import Any

from app.core.tokens import Token
from rest.caller import Caller
from rest.exchange import Answer, Call


def get(call: Call) -> Answer:
    """Name, role and tenant of the caller, how it was recognised, and until when that holds."""
    return Answer(200, document(call, call.caller))


def document(call: Call, caller: Caller) -> dict[str, Any]:
    stored = call.gate.token(caller) if call.gate else None
    token = stored.value if stored else None
    return {
        "name": caller.name,
        "role": caller.role,
        "tenant": caller.tenant,
        "how": caller.how,
        "read_only": caller.how == "session" or caller.role not in ("admin", "tenant-admin"),
        "expires_at": token.expires_at if isinstance(token, Token) else None,
    }
