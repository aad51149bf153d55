"""The body of a guardrail."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.core.guardrails import PRIORITY_LAST
from app.core.values import Guardrail
from rest.contradictions import in_rule
from rest.fields import Description, Id, Name, Owner, Pointers, Same, Stored
from rest.schemas.resources import READ_ONLY
from rest.schemas.rules import Matched
from rest.validation import Schema, fields_of

TENANTS_MAX = 1000


class GuardrailBody(Matched, Stored):
    """What is allowed or denied before any group is asked; the lowest priority that matches decides. `port_min` alone
    is that single port; without `ethertype` the rest says which. `tenants` null: those of everybody."""

    name: Same = None
    priority: Annotated[int, Field(ge=1, le=PRIORITY_LAST)]
    action: Literal["allow", "deny"]
    tenants: Annotated[list[Name], Field(max_length=TENANTS_MAX)] | None = None
    description: Description = ""
    owner: Owner = ""

    def value(self, id: Id, present: Any = None) -> Guardrail:
        return Guardrail(
            name=id[0],
            priority=self.priority,
            action=self.action,
            **self.matched(),
            tenants=None if self.tenants is None else tuple(self.tenants),
            description=self.description,
            owner=self.owner,
        )

    def pointers(self, value: Guardrail) -> Pointers:
        """The core sorts a guardrail's tenants; the client wants its own order."""
        own, canonical = self.tenants or [], value.tenants or ()

        def pointer(meant: str) -> str:
            head, _, place = meant.rpartition("/")
            return f"{head}/{own.index(canonical[int(place)])}" if head == "#/tenants" else meant

        return pointer


GUARDRAIL = Schema(TypeAdapter(GuardrailBody), {"": fields_of(GuardrailBody, READ_ONLY)}, in_rule)
