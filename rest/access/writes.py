"""What a caller may write, judged by what a change did: no way into the inventory leads past this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.core.inventory import KINDS, Inventory, Write
from app.core.problems import BindingConflict, NotFound
from app.core.values import Port
from rest.access.permits import forbidden
from rest.caller import Caller
from rest.problems import Failure

T = TypeVar("T")
# What a tenant's own administrator writes; rows of the ledger follow from it. Whatever else there is, is an admin's.
OF_TENANT = ("port", "group", "address_group", "assertion", "assertions")


def guarded(caller: Caller, change: Callable[[Inventory, str], T]) -> Callable[[Inventory, str], T]:
    """The same change, refused (`Failure`, `NotFound`) if it did what the caller may not. Who calls takes it back."""
    if caller.role == "admin":
        return change

    def checked(inventory: Inventory, now: str) -> T:
        mark = len(inventory.journal)
        try:
            result = change(inventory, now)
        except BindingConflict as conflict:
            raise _without_others(conflict, caller) from None
        check(caller, inventory.journal[mark:])
        return result

    return checked


def check(caller: Caller, writes: Sequence[Write]) -> None:
    """`Failure` 403 or `NotFound` for the first write that is not this caller's to make."""
    for write in writes:
        if write.kind not in KINDS.values():
            continue
        if caller.role == "admin":
            continue
        if caller.role != "tenant-admin" or write.kind not in OF_TENANT:
            raise forbidden("admin", f"{write.kind.replace('_', ' ')}s are an admin's to change")
        if write.id[0] != caller.tenant:
            raise NotFound("tenant", write.id[0])
        if write.kind == "port":
            _check_port(write.before and write.before.value, write.after and write.after.value)


def _check_port(before: Port | None, after: Port | None) -> None:
    """Freedoms that an admin gave a port stay with it as it is: not with another interface, nor other addresses."""
    gained = _freedoms(after)
    if before and _place(before) == _place(after):
        gained -= _freedoms(before)
    if gained:
        raise forbidden("admin", f"{' and '.join(sorted(gained))} of a port is an admin's to give")


def _freedoms(port: Port | None) -> set[str]:
    if port is None:
        return set()
    held = {"spoof_guard: off": port.spoof_guard == "off", "dhcp_server": port.dhcp_server}
    return {name for name, has in held.items() if has}


def _place(port: Port | None) -> tuple[object, ...]:
    return (port.binding, port.vlan, port.mac, port.addresses) if port else ()


def _without_others(conflict: BindingConflict, caller: Caller) -> Exception:
    """The conflict, without the name of what belongs to somebody else."""
    if conflict.conflicts_with.split("/")[0] == caller.tenant:
        return conflict
    return Failure(409, "binding_conflict", str(conflict), conflicts_with=None)
