"""The body of a guardrail."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.core.guardrails import PRIORITY_LAST
from app.core.values import Guardrail, Ports
from rest.contradictions import family_meant, in_rule
from rest.fields import Cidr, Description, Id, Name, Octet, Owner, Pointers, PortNumber, Protocol, Same, Stored
from rest.schemas.resources import READ_ONLY
from rest.validation import Schema, fields_of

TENANTS_MAX = 1000


class GuardrailBody(Stored):
    """What is allowed or denied before any group is asked; the lowest priority that matches decides. `port_min` alone
    is that single port; without `ethertype` the rest says which. `tenants` null: those of everybody."""

    name: Same = None
    priority: Annotated[int, Field(ge=1, le=PRIORITY_LAST)]
    action: Literal["allow", "deny"]
    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"] | None = None
    protocol: Protocol = None
    port_min: PortNumber | None = None
    port_max: PortNumber | None = None
    source_port_min: PortNumber | None = None
    source_port_max: PortNumber | None = None
    icmp_type: Octet | None = None
    icmp_code: Octet | None = None
    remote_cidr: Cidr | None = None
    tenants: Annotated[list[Name], Field(max_length=TENANTS_MAX)] | None = None
    description: Description = ""
    owner: Owner = ""

    def value(self, id: Id, present: Any = None) -> Guardrail:
        return Guardrail(
            name=id[0],
            priority=self.priority,
            action=self.action,
            direction=self.direction,
            ethertype=self.ethertype or family_meant(self.remote_cidr, self.protocol),
            protocol=self.protocol,
            ports=_range(self.port_min, self.port_max),
            icmp_type=self.icmp_type,
            icmp_code=self.icmp_code,
            remote_cidr=self.remote_cidr,
            source_ports=_range(self.source_port_min, self.source_port_max),
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


def _range(low: int | None, high: int | None) -> Ports | None:
    return None if low is None else (low, low if high is None else high)


GUARDRAIL = Schema(TypeAdapter(GuardrailBody), {"": fields_of(GuardrailBody, READ_ONLY)}, in_rule)
