"""The body of a tenant's assertions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from app.core.assertions import MOST_ASSERTIONS, Assertion, Assertions, parse_end
from app.core.parsing import Invalid
from rest.fields import Description, Document, PortNumber, Protocol, Same, Stored, Text, checked
from rest.validation import Schema

EndText = Annotated[Text, checked(parse_end)]


class AssertionItem(Document):
    """Some traffic from one end to another that is allowed, or denied. Without `protocol` it is all; without `port` all
    of the protocol. Without `ethertype`, "deny" is about both families, and "allow" about one that both ends have."""

    source: EndText = Field(alias="from")
    target: EndText = Field(alias="to")
    protocol: Protocol = None
    port: PortNumber | None = None
    ethertype: Literal["any", "IPv4", "IPv6"] = "any"
    expect: Literal["allow", "deny"]
    description: Description = ""

    @model_validator(mode="after")
    def _is_possible(self) -> AssertionItem:
        try:
            self.value()
        except Invalid as error:
            raise PydanticCustomError(error.code, "{detail}", {"detail": error.detail, "hint": error.hint}) from None
        return self

    def value(self) -> Assertion:
        return Assertion(
            self.source, self.target, self.expect, self.protocol, self.port, self.ethertype, self.description
        )


class AssertionsBody(Stored):
    """All assertions of a tenant."""

    tenant: Same = None
    items: Annotated[list[AssertionItem], Field(max_length=MOST_ASSERTIONS)]

    def value(self, tenant: str) -> Assertions:
        return Assertions(tenant, tuple(item.value() for item in self.items))


ITEM = ("from", "to", "protocol", "port", "ethertype", "expect", "description")
ASSERTIONS = Schema(TypeAdapter(AssertionsBody), {"": ("items",), "items": ITEM})
