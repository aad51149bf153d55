"""What the members of bodies are made of: JSON types, narrowed by the ``parse_*`` functions of the core."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
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


# Long enough for anything valid; keeps a refusal from quoting a megabyte.
Text = Annotated[str, Field(max_length=256)]
Description = Annotated[str, Field(max_length=1024), checked(parse_text)]
Labels = Annotated[
    dict[Annotated[Text, checked(parse_label)], Annotated[str, Field(max_length=256), checked(parse_text)]],
    Field(max_length=LIST_MAX),
]
Name = Annotated[Text, checked(parse_name)]
Names = Annotated[list[Name], Field(max_length=LIST_MAX)]
Mac = Annotated[Text, checked(parse_mac)]
Addresses = Annotated[list[Annotated[Text, checked(parse_address)]], Field(max_length=LIST_MAX)]
PairAddress = Annotated[Text, checked(parse_pair_address)]
Cidr = Annotated[Text, checked(parse_cidr)]
Cidrs = Annotated[list[Cidr], Field(max_length=CIDRS_MAX)]
Interface = Annotated[Text, checked(parse_interface)]
IfaceId = Annotated[Text, checked(parse_iface_id)]
OvsdbRemote = Annotated[Text, checked(parse_remote)]
ControlSocket = Annotated[Text, checked(parse_control_socket)]
SwitchReference = Annotated[Text, checked(parse_switch)]
SwitchName = Annotated[Text, checked(parse_switch_name)]
Protocol = Annotated[Any, BeforeValidator(read_protocol)]
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
    created_at: Any = None
    updated_at: Any = None
    status: Any = None
    realized: Any = None
    lagging: Any = None

    def pointers(self, value: Any) -> Pointers:
        """From a place in the canonical value, which is what the core names, to the place in this body."""
        return lambda pointer: pointer
