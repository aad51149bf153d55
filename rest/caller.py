"""Who calls, and how much each role may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from app.core.tokens import Role

Needs = Literal["none", "any", "viewer", "tenant-admin", "operator", "admin", "metrics"]
How = Literal["token", "socket", "certificate", "session", "none"]

ROLES: tuple[Role, ...] = get_args(Role)
# Who may use a route that needs a role. An operator reads everything and writes no policy.
MAY: dict[Needs, tuple[Role, ...]] = {
    "none": ROLES,
    "any": ROLES,
    "metrics": ("metrics", "operator", "admin"),
    "viewer": ("viewer", "tenant-admin", "operator", "admin"),
    "tenant-admin": ("tenant-admin", "admin"),
    "operator": ("operator", "admin"),
    "admin": ("admin",),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request. `name` is a token's id or a user of this host; `tenant` is None for who sees all of them;
    `role` is None for who showed nothing."""

    name: str
    role: Role | None
    tenant: str | None = None
    how: How = "token"

    def may(self, needs: Needs) -> bool:
        """Is the role enough? Which tenant it is for is another question: `sees`."""
        return needs == "none" or self.role in MAY[needs]

    def sees(self, tenant: str | None) -> bool:
        """Are a tenant's things, or with None those of no tenant, there for this caller?"""
        return self.role is not None and self.tenant in (None, tenant)


ANYBODY = Caller("", None, None, "none")
