"""What the route table does not say of its handlers: the body that each understands, its answers, and the codes that
only it refuses with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from rest.openapi import answers_policy as policy
from rest.openapi import answers_reach as reach
from rest.openapi import answers_rules as ruled
from rest.openapi import answers_service as service
from rest.openapi import answers_switches as switch
from rest.openapi import answers_traffic as traffic
from rest.openapi.answers import Page
from rest.resources import (
    address_groups,
    assertions,
    audit,
    config,
    conntrack,
    conntrack_flush,
    drop_samples,
    drops,
    events,
    explained_ports,
    explained_switches,
    groups,
    guardrails,
    health,
    login,
    metrics,
    openapi,
    overview,
    ports,
    problem_pages,
    quota,
    reachability,
    revisions,
    rules,
    switches,
    tenants,
    tokens,
    trace,
    ui,
    usage,
    whoami,
)
from rest.schemas import access as schemas_access
from rest.schemas import assertions as schemas_assertions
from rest.schemas import guardrails as schemas_guardrails
from rest.schemas import resources as schemas
from rest.schemas import writing as schemas_writing
from rest.validation import Schema

Model = Any  # a pydantic model, or a union of some
TEXT, HTML = "text/plain", "text/html"


@dataclass(frozen=True, slots=True)
class Described:
    """`answers` are the models of successes by status, None: no JSON. `media`: what comes, where the route names
    more only to accept it. `codes`: see `rest.openapi.codes`."""

    answers: Mapping[int, Model | None]
    body: TypeAdapter[Any] | None = None
    codes: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    tags: tuple[str, ...] = field(default=())


def _put(model: Model, schema: Schema[Any], *codes: str) -> Described:
    return Described({200: model, 201: model}, schema.wanted, codes, ("If-Match", "If-None-Match"))


def _patch(model: Model, schema: Schema[Any], *codes: str) -> Described:
    return Described({200: model}, schema.wanted, ("not_found", *codes), ("If-Match",))


def _post(model: Model, schema: Schema[Any], *codes: str, status: tuple[int, ...] = (200, 201)) -> Described:
    return Described(dict.fromkeys(status, model), schema.wanted, codes, ("If-Match",))


def _get(model: Model, *codes: str, **more: Any) -> Described:
    return Described({200: model}, codes=codes, **more)


def _delete(*codes: str) -> Described:
    return Described({204: None}, codes=codes, headers=("If-Match",))


POLICY = ("assertion_failed", "quota_exceeded")
PLUGGED = (*POLICY, "binding_conflict", "zones_exhausted", "too_many_flows")
RULED = (*POLICY, "too_many_flows")
ASKED = ("switch_unreachable",)
DECLARED = (*PLUGGED, "in_use", "priority_conflict", "invalid_yaml", "not_found")

DESCRIBED: dict[Callable[..., Any], Described] = {
    health.livez: _get(None, media=(TEXT,)),
    health.readyz: _get(service.Ready, "starting"),
    health.version: _get(service.Versions),
    tenants.list_all: _get(Page[policy.Tenant]),
    tenants.get: _get(policy.Tenant),
    tenants.put: _put(policy.Tenant, schemas.TENANT, "zones_exhausted", "too_many_flows"),
    tenants.patch: _patch(policy.Tenant, schemas.TENANT),
    tenants.delete: _delete("in_use", "assertion_failed"),
    quota.get: _get(policy.Quota),
    quota.put: _post(policy.Quota, schemas_writing.QUOTA, status=(200,)),
    ports.list_all: _get(Page[policy.Port]),
    ports.get: _get(policy.Port),
    ports.put: _put(policy.Port, schemas.PORT, *PLUGGED),
    ports.patch: _patch(policy.Port, schemas.PORT, *PLUGGED),
    ports.delete: _delete("assertion_failed"),
    explained_ports.flows: _get(switch.PortFlows, *ASKED),
    explained_ports.effective_rules: _get(reach.EffectiveRules),
    explained_ports.resync: Described(dict.fromkeys((200, 202), switch.Resynced), codes=("port_not_plugged", *ASKED)),
    groups.list_all: _get(Page[ruled.Group]),
    groups.get: _get(ruled.Group),
    groups.put: _put(ruled.Group, schemas.GROUP, *RULED),
    groups.patch: _patch(ruled.Group, schemas.GROUP, *RULED),
    groups.delete: _delete("in_use", "assertion_failed"),
    rules.list_all: _get(Page[ruled.Rule]),
    rules.put_all: _post(ruled.RulesWritten, schemas.RULES, *RULED, status=(200,)),
    rules.post: _post(ruled.RuleAlone, schemas.RULE, *RULED, "rule_exists", "too_many_rules"),
    rules.get: _get(ruled.RuleAlone),
    rules.put: _put(ruled.RuleAlone, schemas.RULE, *RULED, "too_many_rules"),
    rules.delete: _delete("assertion_failed"),
    address_groups.list_all: _get(Page[ruled.AddressGroup]),
    address_groups.get: _get(ruled.AddressGroup),
    address_groups.put: _put(ruled.AddressGroup, schemas.ADDRESS_GROUP, *RULED),
    address_groups.patch: _patch(ruled.AddressGroup, schemas.ADDRESS_GROUP, *RULED),
    address_groups.delete: _delete("in_use", "assertion_failed"),
    address_groups.update: _post(ruled.AddressGroup, schemas.ADDRESS_UPDATE, *RULED, "too_many_cidrs", status=(200,)),
    trace.get: _get(traffic.Trace, *ASKED),
    reachability.get: _get(reach.Reachability, "too_many_ports"),
    assertions.get: _get(ruled.Assertions),
    assertions.put: _put(ruled.Assertions, schemas_assertions.ASSERTIONS, "assertion_failed"),
    assertions.run: _get(ruled.Report),
    conntrack.list_all: _get(traffic.Connections),
    conntrack.summary: _get(traffic.ConnectionSummary),
    conntrack_flush.flush: _get(traffic.Flushed, "not_flushed", "filter_required"),
    guardrails.list_all: _get(Page[ruled.Guardrail]),
    guardrails.get: _get(ruled.Guardrail),
    guardrails.put: _put(ruled.Guardrail, schemas_guardrails.GUARDRAIL, *RULED, "priority_conflict"),
    guardrails.patch: _patch(ruled.Guardrail, schemas_guardrails.GUARDRAIL, *RULED, "priority_conflict"),
    guardrails.delete: _delete("assertion_failed"),
    switches.list_all: _get(Page[switch.Switch]),
    switches.get: _get(switch.Switch),
    switches.put: _put(switch.Switch, schemas.SWITCH),
    switches.patch: _patch(switch.Switch, schemas.SWITCH),
    switches.delete: _delete("in_use"),
    explained_switches.flows: _get(switch.SwitchTables | switch.SwitchFlows, *ASKED),
    explained_switches.drift: _get(switch.Drift, *ASKED),
    switches.reconcile: Described(
        {200: switch.Reconciled, 202: switch.Reconciled}, codes=("audit_failed", "switch_not_connected")
    ),
    revisions.get: _get(switch.Revision),
    config.get: _get(service.Configuration),
    config.plan: Described({200: service.Plan}, TypeAdapter(service.Configuration), DECLARED),
    config.apply: Described(
        {200: service.Applied},
        TypeAdapter(service.Configuration | config.PlanReference),
        (*DECLARED, "confirm_required", "stale_plan"),
    ),
    audit.list_all: _get(service.Audit),
    events.list_all: _get(service.Events, "cursor_expired", headers=("Last-Event-ID",)),
    metrics.get: _get(None),
    drops.get: _get(reach.Drops),
    drop_samples.get: _get(reach.DropSamples),
    usage.get: _get(reach.Usage),
    overview.get: _get(switch.Overview),
    overview.topology: _get(switch.Topology),
    tokens.list_all: _get(Page[service.Token]),
    tokens.post: _post(service.TokenMade, schemas_access.TOKEN, "token_exists", "binding_conflict", status=(201,)),
    tokens.get: _get(service.Token),
    tokens.delete: _delete(),
    whoami.get: _get(service.Whoami),
    login.login: Described({200: service.Whoami}, schemas_access.LOGIN.wanted, ("unauthorized", "token_expired")),
    login.logout: Described({204: None}),
    ui.redirect: Described({308: None}, tags=("dashboard",)),
    ui.page: Described({200: None, 304: None}, headers=("If-None-Match",), tags=("dashboard",)),
    ui.file: Described({200: None, 304: None}, codes=("not_found",), headers=("If-None-Match",), tags=("dashboard",)),
    openapi.page: Described({200: None, 304: None}, headers=("If-None-Match",), tags=("help",)),
    problem_pages.list_all: _get(service.ProblemList, tags=("help",)),
    problem_pages.get: _get(service.ProblemHelp, tags=("help",)),
}
BATCH = Described(
    {200: service.Batch},
    schemas_writing.BATCH.wanted,
    (*DECLARED, "rule_exists", "too_many_rules", "too_many_cidrs", "etag_mismatch", "already_exists",
     "precondition_required", "method_not_allowed", "invalid_path"),
)  # fmt: skip
DOCUMENT = _get(service.Document, tags=("help",), headers=("If-None-Match",))
