"""``ovswarden trace``: would this packet pass, and if not, why not."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from cli import completion
from cli.request import Request
from cli.session import Exit, Session, session
from cli.words import path

WHAT = re.compile(r"(?P<protocol>[a-z0-9]+)(?:/(?P<port>\d+))?(?:[./](?P<code>\d+))?")
ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
ICMP = ("icmp", "icmpv6")
ENDS = "A port, TENANT/PORT, or an address outside."


def trace(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help=ENDS, autocompletion=completion.ports)],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same.", autocompletion=completion.ports)],
    what: Annotated[str, typer.Argument(metavar="[WHAT]", help="tcp/22, udp/53, icmp, icmp/8; without it: any.")] = "",
    state: Annotated[str | None, typer.Option(help="new, established, related or invalid.")] = None,
    sport: Annotated[int | None, typer.Option(help="The source port.")] = None,
    mac: Annotated[str | None, typer.Option(help="Sent under this MAC address, to see the guard.")] = None,
    address: Annotated[str | None, typer.Option("--ip", help="Sent under this address, to see the guard.")] = None,
    vlan: Annotated[int | None, typer.Option(help="The segment of an address outside.")] = None,
    datapath: Annotated[bool, typer.Option("--datapath", help="Ask the switches themselves, too.")] = False,
) -> None:
    """Why is this connection refused, or not?

    Which rule decides, and what nearly let it through, by how much. Status 3 if it is denied.
    """
    run = session(context)
    tenant, ends = _ends(run, [source, target])
    query = {
        "src": ends[0], "dst": ends[1], **protocol(what), "sport": sport, "ct_state": state, "mac": mac, "ip": address,
        "vlan": vlan, "datapath": datapath or None,
    }  # fmt: skip
    place = path("tenants", tenant, "trace")
    with run.out.busy("following the packet"):
        if run.out.is_table:
            text = run.text(Request("GET", place, query, accept="text/plain"))
        else:
            answer = run.get(place, **query)
    if run.out.is_table:
        is_allowed = text.startswith("ALLOW")
        _show(run, text)
    else:
        is_allowed = answer["verdict"] == "allow"
        run.out.document(answer, answer["verdict"])
    if not is_allowed:
        raise typer.Exit(Exit.DENIED)


def _show(run: Session, text: str) -> None:
    for number, line in enumerate(text.rstrip("\n").split("\n")):
        word = line.split()[:2]
        is_bad = "DENY" in word or "deny" in word or "DISAGREES" in line
        style = ("bold " if not number else "") + ("red" if is_bad else "green") if word and not number else ""
        run.out.text(line, style or ("red" if is_bad else ""))


def _ends(run: Session, said: list[str]) -> tuple[str, list[str]]:
    """The tenant whose question it is, the receiver's before the sender's, and both ends as the API names them."""
    ends = [end(text) for text in said]
    tenants = [_tenant(run, each) for each in reversed(ends)]
    tenant = next(filter(None, tenants), None) or run.tenant()
    full = [each if ":" in each or "/" in each or not own or own == tenant else f"{own}/{each}"
            for each, own in zip(ends, reversed(tenants), strict=True)]  # fmt: skip
    return tenant, full


def _tenant(run: Session, end: str) -> str | None:
    return None if end.startswith("ip:") else run.named(end)[0]


def end(text: str) -> str:
    """An end as the API names it: addresses are ``ip:...``."""
    return f"ip:{text}" if ADDRESS.fullmatch(text) else text


def protocol(text: str) -> dict[str, Any]:
    """``tcp/22`` in the API's words."""
    if not text:
        return {}
    found = WHAT.fullmatch(text.lower())
    if not found or (found["code"] and found["protocol"] not in ICMP):
        raise typer.BadParameter(f"{text} is not like tcp/22, udp/53, icmp or icmp/8")
    name, number = found["protocol"], found["port"]
    if name in ICMP:
        return {"proto": name, "icmp_type": number, "icmp_code": found["code"]}
    return {"proto": name, "dport": number}
