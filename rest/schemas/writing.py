"""The bodies of quotas and batches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.core.quota import QUOTA_LAST, RESOURCES, Quota
from rest.fields import Document, Same, Stored
from rest.validation import Schema, fields_of

OPERATIONS_MAX = 1000

Count = Annotated[int, Field(ge=0, le=QUOTA_LAST)]


class QuotaBody(Stored):
    """How much a tenant may have. A member that is not there, or null, is not limited."""

    tenant: Same = None
    ports: Count | None = None
    groups: Count | None = None
    rules: Count | None = None
    address_groups: Count | None = None

    def value(self) -> Quota:
        return Quota(**{resource: getattr(self, resource) for resource in RESOURCES})


class Operation(Document):
    """One write, as it would be alone: `path` with its query, `body` for what has one."""

    method: Literal["PUT", "POST", "PATCH", "DELETE"]
    path: Annotated[str, Field(max_length=1024)]
    body: Any = None
    if_match: Annotated[str, Field(max_length=256)] | None = None
    if_none_match: Annotated[str, Field(max_length=256)] | None = None


class BatchBody(Document):
    operations: Annotated[list[Operation], Field(min_length=1, max_length=OPERATIONS_MAX)]


QUOTA = Schema(TypeAdapter(QuotaBody), {"": RESOURCES})
BATCH = Schema(TypeAdapter(BatchBody), {"": fields_of(BatchBody), "operations": fields_of(Operation)})
