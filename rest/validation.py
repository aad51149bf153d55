"""From a decoded document to a schema's value, or to every problem it has, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from rest.problems import ERRORS_SHOWN, Failure, Fault, invalid_body

M = TypeVar("M")
Place = tuple[str | int, ...]
# What pydantic calls it -> our stable code, and what we say (None: pydantic's own words).
WORDS: dict[str, tuple[str, str | None]] = {
    "missing": ("missing_field", "this field is needed"),
    "extra_forbidden": ("unknown_field", "unknown field"),
    "model_type": ("wrong_type", "should be a JSON object"),
    "dict_type": ("wrong_type", "should be a JSON object"),
    "bool_type": ("wrong_type", "should be true or false"),
    "list_type": ("wrong_type", "should be a JSON array"),
    "string_type": ("wrong_type", "should be a string"),
    "int_type": ("wrong_type", "should be an integer"),
    "literal_error": ("not_one_of", "should be {expected}"),
    "greater_than_equal": ("out_of_range", "should be {ge} or more"),
    "less_than_equal": ("out_of_range", "should be {le} or less"),
    "too_long": ("too_long", "should have at most {max_length} entries"),
    "string_too_long": ("too_long", "should have at most {max_length} characters"),
}
# What other firewalls call it; difflib would not find these.
OTHER_NAMES = {
    "port_range_min": "port_min",
    "port_range_max": "port_max",
    "dport": "port_min",
    "sport": "source_port_min",
    "source_port": "source_port_min",
    "source_port_range_min": "source_port_min",
    "source_port_range_max": "source_port_max",
    "remote_group_id": "remote_group",
    "remote_address_group_id": "remote_address_group",
    "remote_ip_prefix": "remote_cidr",
    "cidr": "remote_cidr",
    "mac_address": "mac",
    "fixed_ips": "addresses",
    "ip": "addresses",
    "ip_address": "address",
    "addresses": "cidrs",
    "vlan_id": "vlan",
    "segmentation_id": "tag",
    "admin_state_up": "enabled",
    "admin_up": "enabled",
    "port_security_enabled": "spoof_guard",
    "security_groups": "groups",
    "security_group_rules": "rules",
}
# Below this, the name of another thing would be taken for a slip.
NEARNESS = 0.75


@dataclass(frozen=True)
class Schema(Generic[M]):
    """`wanted` is the document's type; `also` finds what no single field shows, whatever else is wrong."""

    wanted: TypeAdapter[M]
    fields: Mapping[str, tuple[str, ...]]  # "" the document's own, else those of the objects under that name
    also: Callable[[Any], Iterable[tuple[Place, str, str, str | None]]] = lambda document: ()

    def read(self, document: Any, fixed: Mapping[str, str] | None = None) -> M:
        """The document's value. `Failure` 422 lists every problem; `fixed` members must agree with the path."""
        found: list[tuple[Place, Mapping[str, Any] | Fault]] = []
        try:
            value = self.wanted.validate_python(document)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            found = [(tuple(step for step in detail["loc"] if step != "[key]"), detail) for detail in details]
        found += [
            (place, Fault(pointer(place), code, detail, hint)) for place, code, detail, hint in self.also(document)
        ]
        found += _disagreements(document, fixed or {})
        if found:
            found.sort(key=lambda one: _order(one[0]))
            # Only what is shown is put into words: hints for thousands of unknown fields would take a second.
            raise invalid_body((self._fault(*one) for one in found[:ERRORS_SHOWN]), len(found))
        return value

    def _fault(self, place: Place, error: Mapping[str, Any] | Fault) -> Fault:
        if isinstance(error, Fault):
            return error
        context = error.get("ctx", {})
        code, words = WORDS.get(error["type"], (error["type"], None))
        detail = words.format(**context) if words else error["msg"]
        hint = self._near(place) if code == "unknown_field" else context.get("hint")
        return Fault(pointer(place), code, detail, hint)

    def _near(self, place: Place) -> str | None:
        inside = [step for step in place[:-1] if step in self.fields]
        known = self.fields[str(inside[-1]) if inside else ""]
        name = str(place[-1])[:64].lower()
        if OTHER_NAMES.get(name) in known:
            return OTHER_NAMES[name]
        return next(iter(get_close_matches(name, known, 1, NEARNESS)), None)


def fields_of(model: type[BaseModel], without: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(name for name in model.model_fields if name not in without)


def pointer(place: Place) -> str:
    """RFC 6901, as a URI fragment without percent-encoding."""
    return "#" + "".join("/" + str(step)[:64].replace("~", "~0").replace("/", "~1") for step in place)


def _order(place: Place) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (-1, step) for step in place]


def _disagreements(document: Any, fixed: Mapping[str, str]) -> Iterator[tuple[Place, Fault]]:
    """Ignoring another name than the path's would look like a rename that worked."""
    for name, wanted in fixed.items():
        said = document.get(name, wanted) if isinstance(document, dict) else wanted
        if said != wanted:
            detail = f"{name} cannot be changed: the path says {wanted}"
            yield (name,), Fault(pointer((name,)), "path_mismatch", detail, wanted)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396 JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def unsupported(content_type: str, wanted: tuple[str, ...], header: str) -> Failure:
    detail = f"the body is {content_type or 'of no declared type'}; send it with Content-Type: {wanted[0]}"
    return Failure(415, "unsupported_media_type", detail, headers={header: ", ".join(wanted)})
