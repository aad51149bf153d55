"""What the members of bodies are made of: JSON types, narrowed by the ``parse_*`` functions of the core."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.core.parsing import (
    Invalid,
    parse_address,
    parse_cidr,
    parse_datapath_id,
    parse_iface_id,
    parse_interface,
    parse_mac,
    parse_name,
    parse_owner,
    parse_pair_address,
    parse_protocol,
)
from app.core.remotes import parse_control_socket, parse_remote
from app.core.values import VLAN_LAST
from rest.contradictions import CIDRS_MAX

Id = tuple[str, ...]
Pointers = Callable[[str], str]
LIST_MAX = 64
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
# C0, DEL and C1: they would act on the terminal of whoever reads the answer.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def checked(parse: Callable[[Any], Any]) -> AfterValidator:
    """A ``parse_*`` function of the core as a step of a schema: its code and hint become the error's."""

    def step(value: Any) -> Any:
        try:
            return parse(value)
        except Invalid as error:
            raise PydanticCustomError(error.code, "{detail}", {"detail": error.detail, "hint": error.hint}) from None

    return AfterValidator(step)


def parse_text(text: str) -> str:
    if CONTROL.search(text):
        raise Invalid("control_character", "text has a control character")
    return text


def parse_label(text: str) -> str:
    if not LABEL.fullmatch(text):
        raise Invalid("invalid_label", f"{text[:64]!r} is not a label ({LABEL.pattern})")
    return text


def parse_switch(text: str) -> str:
    """What a binding calls a switch: its name, or its datapath id, which becomes canonical."""
    is_id = text.startswith("0x") or ":" in text or re.fullmatch(r"[0-9a-fA-F]{16}", text)
    return parse_datapath_id(text) if is_id else parse_name(text)


def parse_switch_name(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{16}", text):
        raise Invalid("ambiguous_name", f"{text} would be taken for a datapath id")
    return parse_name(text)


def read_protocol(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PydanticCustomError("wrong_type", "should be a name or a number", {"hint": "any"})
    if isinstance(value, str) and len(value) > 64:
        raise PydanticCustomError("unknown_protocol", "should be a name or a number", {"hint": "any"})
    return checked(parse_protocol).func(value)  # type: ignore[call-arg,no-any-return]


# What the API's document says of texts. The functions that check them decide; this is as near as a pattern comes.
_NAME = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = "[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]"
_PATH = "/[^\\u0000-\\u001f\\u007f]{0,200}"


def _like(pattern: str, *examples: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "examples": list(examples), **more}


NAME_JSON = _like(_NAME, "web")
OWNER_JSON = _like(f"({_NAME})?", "team-a", description="the declared configuration that keeps it; empty: none")
PORT_ID_JSON = _like("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "web-1")
MAC_JSON = _like("[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}", "52:54:00:12:34:56", format="mac")
ADDRESS_JSON: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": each} for each in ("ipv4", "ipv6")],
    "examples": ["10.0.0.5"],
}
CIDR_JSON = _like("[0-9a-fA-F:.]{2,45}(/[0-9]{1,3})?", "10.0.0.0/24", "2001:db8::/64", format="cidr")
INTERFACE_JSON = _like("[^\\s/\\u0000-\\u001f\\u007f]{1,15}", "tap17")
IFACE_ID_JSON = _like("[!-~]{1,255}", "7b8e2f50-6d0a-4bb4-9a02-6d6d0c2f9c11")
SWITCH_JSON = _like(f"({_NAME}|0x[0-9a-fA-F]{{1,16}}|[0-9a-fA-F]{{2}}(:[0-9a-fA-F]{{2}}){{7}})", "host-1", "0x1")
_REMOTE = f"(unix:{_PATH}|(tcp|ssl):[0-9a-fA-F.:\\[\\]]+:[0-9]{{1,5}})?"
REMOTE_JSON = _like(_REMOTE, "unix:/run/openvswitch/db.sock")
CONTROL_JSON = _like(f"({_PATH})?", "/run/openvswitch")
TEXT_JSON = _like(f"{_PLAIN}*", "front end", maxLength=1024)
LABELS_JSON: dict[str, Any] = {
    "type": "object",
    "propertyNames": {"pattern": f"^{LABEL.pattern}$"},
    "additionalProperties": _like(f"{_PLAIN}*", "prod", maxLength=256),
    "maxProperties": LIST_MAX,
    "examples": [{"env": "prod"}],
}
PROTOCOL_JSON: dict[str, Any] = {
    "anyOf": [
        {"enum": ["any", "icmp", "icmpv6", "tcp", "udp", "sctp"]},
        {"type": "integer", "minimum": 0, "maximum": 255},
        {"type": "string", "pattern": "^(1?[0-9]{1,2}|2[0-4][0-9]|25[0-5])$"},
    ],
    "examples": ["tcp"],
}
# Members of an answer that a body may carry along.
Ignored = Annotated[Any, WithJsonSchema({"description": "as an answer had it; ignored"})]
Same = Annotated[Any, WithJsonSchema({"type": "string", "description": "as the path says it; may be left out"})]

# Long enough for anything valid; keeps a refusal from quoting a megabyte.
Text = Annotated[str, Field(max_length=256)]
Description = Annotated[str, Field(max_length=1024), checked(parse_text), WithJsonSchema(TEXT_JSON)]
Labels = Annotated[
    dict[Annotated[Text, checked(parse_label)], Annotated[str, Field(max_length=256), checked(parse_text)]],
    Field(max_length=LIST_MAX),
    WithJsonSchema(LABELS_JSON),
]
Name = Annotated[Text, checked(parse_name), WithJsonSchema(NAME_JSON)]
Owner = Annotated[Text, checked(parse_owner), WithJsonSchema(OWNER_JSON)]
Names = Annotated[list[Name], Field(max_length=LIST_MAX)]
Mac = Annotated[Text, checked(parse_mac), WithJsonSchema(MAC_JSON)]
Address = Annotated[Text, checked(parse_address), WithJsonSchema(ADDRESS_JSON)]
Addresses = Annotated[list[Address], Field(max_length=LIST_MAX)]
PairAddress = Annotated[Text, checked(parse_pair_address), WithJsonSchema(CIDR_JSON)]
Cidr = Annotated[Text, checked(parse_cidr), WithJsonSchema(CIDR_JSON)]
Cidrs = Annotated[list[Cidr], Field(max_length=CIDRS_MAX)]
Interface = Annotated[Text, checked(parse_interface), WithJsonSchema(INTERFACE_JSON)]
IfaceId = Annotated[Text, checked(parse_iface_id), WithJsonSchema(IFACE_ID_JSON)]
OvsdbRemote = Annotated[Text, checked(parse_remote), WithJsonSchema(REMOTE_JSON)]
ControlSocket = Annotated[Text, checked(parse_control_socket), WithJsonSchema(CONTROL_JSON)]
SwitchReference = Annotated[Text, checked(parse_switch), WithJsonSchema(SWITCH_JSON)]
SwitchName = Annotated[Text, checked(parse_switch_name), WithJsonSchema(NAME_JSON)]
Protocol = Annotated[Any, BeforeValidator(read_protocol), WithJsonSchema(PROTOCOL_JSON)]
PortNumber = Annotated[int, Field(ge=0, le=65535)]
Octet = Annotated[int, Field(ge=0, le=255)]
Vlan = Annotated[int, Field(ge=0, le=VLAN_LAST)]
Tag = Annotated[int, Field(ge=1, le=VLAN_LAST)]
Revision = Annotated[int, Field(ge=0)]


class Document(BaseModel):
    """A JSON object whose every member is known and of the very type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Stored(Document):
    """A resource's own document: it may carry what its answer carried."""

    revision: Revision | None = None
    created_at: Ignored = None
    updated_at: Ignored = None
    status: Ignored = None
    realized: Ignored = None
    lagging: Ignored = None

    def pointers(self, value: Any) -> Pointers:
        """From a place in the canonical value, which is what the core names, to the place in this body."""
        return lambda pointer: pointer
