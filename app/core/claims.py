"""What a new value must not contradict: references that lead nowhere, and claims on what another has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.core.addresses import network
from app.core.indexes import OWNED, Id, Indexes, plug_of
from app.core.problems import BindingConflict, PriorityConflict, Problem, UnknownReference
from app.core.tokens import Token
from app.core.values import AddressPair, Group, Guardrail, Port, Remote, Switch, Value

Exists = Callable[[str, Id], bool]
Claim = tuple[Id | None, str]  # who has it, and what it is


def check(value: Value, indexes: Indexes, exists: Exists) -> None:
    """`Refused` if the value cannot be beside what there is."""
    match value:
        case Group():
            check_group(value, exists)
        case Port():
            check_port(value, indexes, exists)
        case Switch():
            check_switch(value, indexes)
        case Guardrail():
            check_guardrail(value, indexes, exists)
        case Token():
            check_token(value, indexes, exists)


def referrers(kind: str, id: Id, indexes: Indexes) -> tuple[str, ...]:
    """What still refers to a value, as paths."""
    found: list[Id] = []
    if kind == "tenant":
        found += [(each, *i) for each in OWNED for i in indexes.owned.get((each, id[0]), ())]
        found += [("guardrail", *guardrail) for guardrail in indexes.guardrails.get(id[0], ())]
        # Whoever makes a tenant of this name again must not find that somebody holds the key to it.
        found += [("token", *token) for token in indexes.tokens.get(id[0], ())]
    if kind == "group":
        found += [("port", *port) for port in indexes.members.get(id, ())]
    if kind in ("group", "address_group"):
        naming = indexes.naming.get((id[0], Remote(kind, id[1])), ())  # type: ignore[arg-type]
        found += [("group", *group) for group in naming if group != id or kind != "group"]
    return tuple("/".join(each) for each in found)


def check_group(group: Group, exists: Exists) -> None:
    """Whatever rules name has to be there; a group may name itself."""
    unknown = []
    for n, rule in enumerate(group.rules):
        remote = rule.remote
        if remote is None or remote == ("group", group.name) or exists(remote.kind, (group.tenant, remote.name)):
            continue
        what = remote.kind.replace("_", " ")
        detail = f"tenant {group.tenant} has no {what} {remote.name}"
        unknown.append(UnknownReference(f"#/rules/{n}/remote_{remote.kind}", f"unknown_{remote.kind}", detail))
    if unknown:
        raise Problem(unknown)


def check_port(port: Port, indexes: Indexes, exists: Exists) -> None:
    unknown = [
        UnknownReference(f"#/groups/{n}", "unknown_group", f"tenant {port.tenant} has no group {group}")
        for n, group in enumerate(port.groups)
        if not exists("group", (port.tenant, group))
    ]
    if unknown:
        raise Problem(unknown)
    for holder, what in _claims(port, indexes):
        if holder not in (None, port.id):
            raise BindingConflict(f"{what} belongs to another port", "/".join(holder or ()))


def check_switch(switch: Switch, indexes: Indexes) -> None:
    holder = indexes.switch_names.get(switch.name or "", switch.dpid)
    if holder != switch.dpid:
        raise BindingConflict(f"the name {switch.name} is another switch's", holder)


def check_token(token: Token, indexes: Indexes, exists: Exists) -> None:
    """A secret or a certificate stands for one token."""
    if token.tenant is not None and not exists("tenant", (token.tenant,)):
        raise Problem([UnknownReference("#/tenant", "unknown_tenant", f"there is no tenant {token.tenant}")])
    for index, key in ((indexes.digests, token.digest), (indexes.certificates, token.certificate)):
        holder = index.get(key or "", token.name)
        if holder != token.name:
            what = "the secret" if key == token.digest else f"the certificate {key}"
            raise BindingConflict(f"{what} is another token's", f"token/{holder}")


def check_guardrail(guardrail: Guardrail, indexes: Indexes, exists: Exists) -> None:
    """The tenants that it names have to be there, and its priority must be nobody else's."""
    unknown = [
        UnknownReference(f"#/tenants/{n}", "unknown_tenant", f"there is no tenant {tenant}")
        for n, tenant in enumerate(guardrail.tenants or ())
        if not exists("tenant", (tenant,))
    ]
    if unknown:
        raise Problem(unknown)
    holder = indexes.priorities.get(guardrail.priority, guardrail.id)
    if holder != guardrail.id:
        raise PriorityConflict(f"guardrail {holder[0]} has the priority {guardrail.priority}", holder[0])


def _claims(port: Port, indexes: Indexes) -> Iterator[Claim]:
    segment = port.vlan
    yield indexes.macs.get((segment, port.mac)), f"MAC address {port.mac}"
    for id in indexes.virtual_macs.get((segment, port.mac), ()):
        yield id, f"MAC address {port.mac}"
    for address in port.own_addresses:
        yield indexes.addresses.get((segment, address)), f"address {address}"
        for id in indexes.covering(segment, network(address)) if indexes.pairs else ():
            yield _stranger(port, id), f"a network with address {address}"
    if port.binding:
        tag = port.binding.tag
        what = str(port.binding) + (f" with tag {tag}" if tag else "")
        yield indexes.bindings.get(plug_of(port), {}).get(tag or 0), what
    for pair in port.allowed_address_pairs:
        yield from _pair_claims(port, pair, indexes)


def _pair_claims(port: Port, pair: AddressPair, indexes: Indexes) -> Iterator[Claim]:
    """Ports of one tenant may share pairs, and stand in for each other's addresses; others' may not."""
    segment = port.vlan
    if pair.mac:
        yield indexes.macs.get((segment, pair.mac)), f"MAC address {pair.mac}"
        for id in indexes.virtual_macs.get((segment, pair.mac), ()):
            yield _stranger(port, id), f"MAC address {pair.mac}"
    if pair.is_everything:
        return
    wanted = network(pair.address)
    for id in indexes.covering(segment, wanted):
        yield _stranger(port, id), f"a network with {pair.address}"
    for id in indexes.covered(segment, wanted):
        yield _stranger(port, id), f"an address in {pair.address}"


def _stranger(port: Port, id: Id | None) -> Id | None:
    return id if id is not None and id[0] != port.tenant else None
