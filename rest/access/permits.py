"""What a caller may ask, decided by the route alone, before anything is read.

Whoever belongs to a tenant finds nothing of another one: 404, whether it exists or not, so that nobody learns names by
trying them. 403 is for what is there and wants a stronger role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.problems import NotFound
from rest.caller import Caller, Needs
from rest.problems import Failure

# How browsers mark a request that some other site makes with what the browser adds by itself (W3C Fetch Metadata).
OWN_SITE = ("same-origin", "none")
# What the dashboard adds to a POST: no form can, and another site's script only with a permission that nobody gives.
SESSION_HEADER = "HTTP_X_OVSWARDEN_SESSION"


def check(caller: Caller, needs: Needs, reads: bool, params: Mapping[str, str]) -> None:
    """`NotFound` or `Failure` 403 unless the caller may use a route with these keys in its path."""
    tenant = params.get("tenant")
    if needs != "none" and tenant is not None and not caller.sees(tenant):
        raise NotFound("tenant", tenant)
    if not caller.may(needs):
        raise forbidden(needs, f"the role {caller.role} is too weak")
    if caller.how == "session" and not reads and needs != "none":
        raise forbidden(needs, "a session of the dashboard only reads; send a token")


def check_site(caller: Caller, reads: bool, environ: Mapping[str, Any]) -> None:
    """A browser adds cookies and certificates to whatever site makes it ask: such a request changes nothing."""
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    if caller.how != "token" and not reads and site not in OWN_SITE:
        raise forbidden("any", "another site made the browser ask; send a token")
    is_form = environ.get("REQUEST_METHOD") == "POST" and reads
    if caller.how == "session" and is_form and not (environ.get(SESSION_HEADER) and site in OWN_SITE):
        raise forbidden("any", "a session sends X-Ovswarden-Session along; or send a token")


def forbidden(needs: Needs, detail: str) -> Failure:
    """`needs` is the least role that would do."""
    return Failure(403, "forbidden", detail, needs=needs)
