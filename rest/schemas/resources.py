"""The bodies that are understood. JSON ends here: each schema turns into a value of the core.
Read-only members of an answer are accepted and ignored, so that GET, edit, PUT works; `revision` is a precondition.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, create_model

from app.core.limits import CONNECTIONS_LAST, RATE_LAST, SECONDS_LAST, TIMEOUTS
from app.core.values import (
    OFPORT_MAX,
    AddressGroup,
    AddressPair,
    Binding,
    Group,
    Limits,
    Port,
    Switch,
    Tenant,
    labels_of,
)
from rest.contradictions import in_group, in_port, in_rule, in_rules, in_tenant, in_update
from rest.fields import (
    LIST_MAX,
    Addresses,
    Cidrs,
    ControlSocket,
    Description,
    Document,
    Id,
    IfaceId,
    Interface,
    Labels,
    Mac,
    Names,
    OvsdbRemote,
    Owner,
    PairAddress,
    Pointers,
    Revision,
    Same,
    Stored,
    SwitchName,
    SwitchReference,
    Tag,
    Vlan,
)
from rest.schemas.rules import RuleBody, RuleItem, RuleItems, rule_pointers, rules_of
from rest.validation import Schema, fields_of

READ_ONLY = ("revision", "created_at", "updated_at", "status", "realized", "lagging", "tenant", "id", "dpid")


Rate = Annotated[int, Field(ge=0, le=RATE_LAST)]
Seconds = Annotated[int, Field(ge=1, le=SECONDS_LAST)]
TimeoutsBody = create_model("TimeoutsBody", __base__=Document, **dict.fromkeys(TIMEOUTS, (Seconds | None, None)))


class LimitsBody(Document):
    """What a tenant may take. A member that is not there, or null, is left to the setting; 0: no limit."""

    connections: Annotated[int, Field(ge=0, le=CONNECTIONS_LAST)] | None = None
    new_connections_per_second: Rate | None = None
    new_connections_burst: Rate | None = None
    timeouts: TimeoutsBody | None = None

    def value(self) -> Limits:
        timeouts = self.timeouts.model_dump(exclude_none=True) if self.timeouts else {}
        return Limits(
            self.connections, self.new_connections_per_second, self.new_connections_burst, tuple(timeouts.items())
        )


class TenantBody(Stored):
    name: Same = None
    description: Description = ""
    labels: Labels = {}
    limits: LimitsBody | None = None
    owner: Owner = ""

    def value(self, id: Id, present: Any = None) -> Tenant:
        limits = self.limits.value() if self.limits else Limits()
        return Tenant(id[0], self.description, labels_of(self.labels), limits, owner=self.owner)


class GroupBody(Stored):
    """Without `rules` a group keeps the rules it has; a new one has none."""

    tenant: Same = None
    name: Same = None
    description: Description = ""
    rules: RuleItems = None  # type: ignore[assignment]
    owner: Owner = ""

    def value(self, id: Id, present: Group | None = None) -> Group:
        kept = present.rules if present else ()
        return Group(id[0], id[1], self.description, kept if self.rules is None else rules_of(self.rules), self.owner)

    def pointers(self, value: Group) -> Pointers:
        return rule_pointers(value.rules, self.rules or [], "#/rules")


class AddressGroupBody(Stored):
    """Without `cidrs` an address group keeps those it has; a new one has none."""

    tenant: Same = None
    name: Same = None
    description: Description = ""
    cidrs: Cidrs = None  # type: ignore[assignment]
    owner: Owner = ""

    def value(self, id: Id, present: AddressGroup | None = None) -> AddressGroup:
        kept = present.cidrs if present else ()
        return AddressGroup(
            id[0], id[1], self.description, kept if self.cidrs is None else tuple(self.cidrs), self.owner
        )


class AddressUpdate(Document):
    """What is added to an address group and what is taken away."""

    revision: Revision | None = None
    add: Cidrs = []
    remove: Cidrs = []


class BindingBody(Document):
    """A switch with an interface or an ofport, or an interface id. With a `tag` the port is a sub-port: the frames that
    the VM tags so on that interface are its own."""

    switch: SwitchReference | None = None
    interface: Interface | None = None
    ofport: Annotated[int, Field(ge=1, le=OFPORT_MAX - 1)] | None = None
    tag: Tag | None = None
    iface_id: IfaceId | None = None

    def value(self) -> Binding:
        return Binding(self.switch, self.interface, self.ofport, self.tag, self.iface_id)


class PairBody(Document):
    """An address, or a network, that a port may use too; without `mac` under its own MAC address."""

    address: PairAddress
    mac: Mac | None = None

    def value(self) -> AddressPair:
        return AddressPair(self.address, self.mac)


class PortBody(Stored):
    id: Same = None
    tenant: Same = None
    binding: BindingBody | None = None
    mac: Mac
    addresses: Addresses = []
    allowed_address_pairs: Annotated[list[PairBody], Field(max_length=LIST_MAX)] = []
    vlan: Vlan = 0
    groups: Names = []
    egress: Literal["any", "rules"] = "any"
    spoof_guard: Literal["enforce", "off"] = "enforce"
    dhcp_server: bool = False
    enabled: bool = True
    labels: Labels = {}
    owner: Owner = ""

    def value(self, id: Id, present: Any = None) -> Port:
        return Port(
            tenant=id[0],
            name=id[1],
            mac=self.mac,
            addresses=tuple(self.addresses),
            groups=tuple(self.groups),
            binding=self.binding.value() if self.binding else None,
            egress=self.egress,
            vlan=self.vlan,
            labels=labels_of(self.labels),
            allowed_address_pairs=tuple(pair.value() for pair in self.allowed_address_pairs),
            spoof_guard=self.spoof_guard,
            dhcp_server=self.dhcp_server,
            enabled=self.enabled,
            owner=self.owner,
        )

    def pointers(self, value: Port) -> Pointers:
        """The core sorts a port's groups; the client wants its own order."""
        return lambda pointer: self._own(value, *pointer.rpartition("/"))

    def _own(self, value: Port, head: str, slash: str, place: str) -> str:
        return f"{head}/{self.groups.index(value.groups[int(place)])}" if head == "#/groups" else head + slash + place


class SwitchBody(Stored):
    """`uplinks`: interface names, globs allowed. Null leaves a member to the setting; an empty remote or socket is
    none."""

    dpid: Same = None
    name: SwitchName | None = None
    uplinks: Annotated[list[Interface], Field(max_length=LIST_MAX)] | None = None
    description: Description = ""
    ovsdb: OvsdbRemote | None = None
    control_socket: ControlSocket | None = None

    def value(self, id: Id, present: Any = None) -> Switch:
        uplinks = None if self.uplinks is None else tuple(self.uplinks)
        return Switch(id[0], self.name, uplinks, self.description, self.ovsdb, self.control_socket)


RULE_FIELDS = fields_of(RuleItem)
INSIDE_PORT = {"binding": fields_of(BindingBody), "allowed_address_pairs": fields_of(PairBody)}
INSIDE_TENANT = {"limits": fields_of(LimitsBody), "timeouts": TIMEOUTS}
TENANT = Schema(TypeAdapter(TenantBody), {"": fields_of(TenantBody, READ_ONLY), **INSIDE_TENANT}, in_tenant)
GROUP = Schema(TypeAdapter(GroupBody), {"": fields_of(GroupBody, READ_ONLY), "rules": RULE_FIELDS}, in_group)
ADDRESS_GROUP = Schema(TypeAdapter(AddressGroupBody), {"": fields_of(AddressGroupBody, READ_ONLY)})
ADDRESS_UPDATE = Schema(TypeAdapter(AddressUpdate), {"": fields_of(AddressUpdate, READ_ONLY)}, in_update)
RULE = Schema(TypeAdapter(RuleBody), {"": RULE_FIELDS}, in_rule)
RULES = Schema(TypeAdapter(RuleItems), {"": RULE_FIELDS}, in_rules)
PORT = Schema(TypeAdapter(PortBody), {"": fields_of(PortBody, READ_ONLY), **INSIDE_PORT}, in_port)
SWITCH = Schema(TypeAdapter(SwitchBody), {"": fields_of(SwitchBody, READ_ONLY)})
