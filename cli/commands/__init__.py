"""The commands: each a function, by the name that it is called by; in the order of the help."""

from __future__ import annotations

from cli.commands import changes, config, connections, doctor, events, lists, policy, status, switches, tokens, trace

COMMANDS = (
    status.status,
    trace.trace,
    policy.port,
    policy.matrix,
    connections.limits,
    changes.changes,
    lists.tenants,
    lists.ports,
    lists.groups,
    policy.rules,
    lists.guardrails,
    switches.switches,
    connections.ct,
    connections.drops,
    events.events,
    config.plan,
    config.diff,
    config.apply,
    config.export,
    switches.drift,
    doctor.doctor,
)
GROUPS = (("token", tokens.group),)
