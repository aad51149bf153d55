"""/v1/tenants/{tenant}/groups/{group}/rules: a group's rules, as a whole set or one by one.

A rule has no revision of its own: its ETag is its group's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.core.inventory import Inventory
from app.core.parsing import parse_name, parse_protocol
from app.core.problems import NotFound, Problem
from app.core.values import Group, Rule, Stored
from rest import query as queries
from rest.contradictions import RULES_MAX
from rest.exchange import Answer, Call, Written, etag, life, shown
from rest.fields import Pointers
from rest.paging import page
from rest.problems import Failure
from rest.resources.groups import rule_document
from rest.schemas.resources import RULE, RULES
from rest.schemas.rules import alone, rule_pointers, rules_of
from rest.writing import Change, Condition, translated

FILTERS = ("direction", "ethertype", "protocol", "remote_group", "remote_address_group")
Edit = Callable[[Group], tuple[Rule, ...]]


def view(stored: Stored, rule: Rule) -> dict[str, Any]:
    tenant, group = stored.value.id
    return {**rule_document(rule), "tenant": tenant, "group": group, **life(stored)}


def list_all(call: Call) -> Answer:
    """All rules, unless `limit` asks for less: what is put back must not lack a second page."""
    stored = call.firewall.inventory.get("group", *_id(call))
    keep = _filter(call)
    rows = [(rule.key, rule) for rule in _group(stored).rules]
    answer = page(call, rows, rule_document, keep, limit=RULES_MAX)
    return replace(answer, headers={**answer.headers, "ETag": etag(stored.revision)})


def _filter(call: Call) -> Callable[[Rule], bool]:
    """AND between the names of the query, OR between the values of one."""
    tests: list[tuple[frozenset[Any], Callable[[Rule], Any]]] = [
        (queries.choices(call.query, "direction", ("ingress", "egress")), lambda rule: rule.direction),
        (queries.choices(call.query, "ethertype", ("IPv4", "IPv6")), lambda rule: rule.ethertype),
        (queries.values(call.query, "protocol", parse_protocol), lambda rule: rule.protocol),
        (queries.values(call.query, "remote_group", parse_name), lambda rule: rule.remote_group),
        (queries.values(call.query, "remote_address_group", parse_name), lambda rule: rule.remote_address_group),
    ]
    asked = [(wanted, has) for wanted, has in tests if wanted]
    return lambda rule: all(has(rule) in wanted for wanted, has in asked)


def put_all(call: Call) -> Written:
    """Replace the whole set at once; `changed` counts by content: a rule changed is one removed and one added."""
    items = RULES.read(call.document())
    rules = rules_of(items)
    change = _edit(
        call,
        Condition.of(call),
        lambda group: rules,
        pointers=lambda group: rule_pointers(group.rules, items, "#"),
    )
    old, new = set(_group(change.before).rules), set(_group(change.after).rules)
    changed = {"added": len(new - old), "removed": len(old - new), "kept": len(new & old)}

    def answer() -> Answer:
        items = [rule_document(rule) for rule in _group(change.after).rules]
        return shown({"items": items, "changed": changed, "revision": change.after.revision})

    return Written(change.revision, answer)


def post(call: Call) -> Written:
    """Add one rule; without a key it gets one made of its content. 200 if the same content is there already."""
    body = RULE.read(call.document(), _fixed(call))
    found: list[Rule] = []

    def edit(group: Group) -> tuple[Rule, ...]:
        rule = body.rule()
        same = [
            known for known in group.rules if replace(known, key=rule.key) == rule and body.key in (None, known.key)
        ]
        found[:] = same[:1]
        if same:
            return group.rules
        if group.rule(rule.key):
            raise Failure(409, "already_exists", f"rule {rule.key} exists with another content; PUT replaces it")
        found[:] = [rule]
        return _within_limit((*group.rules, rule))

    change = _edit(call, Condition.of(call, body.revision), edit, made=lambda old: found[0] not in old.rules)
    status = 200 if found[0] in _group(change.before).rules else 201
    location = f"{call.path}/{found[0].key}"
    return Written(change.revision, lambda: shown(view(change.after, found[0]), status, location))


def get(call: Call) -> Answer:
    """One rule."""
    stored = call.firewall.inventory.get("group", *_id(call))
    return shown(view(stored, _rule(_group(stored), call.params["rule"])))


def put(call: Call) -> Written:
    """Create or replace one rule; the others stay."""
    key = call.key("rule", parse_name)
    body = RULE.read(call.document(), {"key": key, **_fixed(call)})
    rule = body.rule(key)

    def edit(group: Group) -> tuple[Rule, ...]:
        return _within_limit((*(known for known in group.rules if known.key != key), rule))

    change = _edit(call, Condition.of(call, body.revision), edit, key, made=lambda old: old.rule(key) is None)
    status = 200 if _group(change.before).rule(key) else 201
    return Written(change.revision, lambda: shown(view(change.after, rule), status, call.path))


def delete(call: Call) -> Written:
    """Remove one rule."""

    def edit(group: Group) -> tuple[Rule, ...]:
        gone = _rule(group, call.params["rule"])
        return tuple(rule for rule in group.rules if rule != gone)

    change = _edit(call, Condition.of(call), edit, made=None)
    return Written(change.revision, lambda: Answer(204))


def _edit(
    call: Call,
    condition: Condition,
    edit: Edit,
    key: str | None = None,
    pointers: Callable[[Group], Pointers] = lambda group: alone,
    made: Callable[[Group], bool] | None = lambda old: False,
) -> Change:
    """Give the group the rules that `edit` makes of it. With `key`, ``If-None-Match`` is about that rule being there;
    all other conditions are about the group's revision. `pointers` lead from the new group to places in the body.
    `made`, given the group as it was, tells whether the answer says 201; None: it says 204.
    """

    def change(inventory: Inventory, now: str) -> Change:
        before = inventory.get("group", *_id(call))
        is_there = key is None or _group(before).rule(key) is not None
        Condition(none_match=condition.none_match).check(before.revision if is_there else None)
        replace(condition, none_match=None).check(before.revision)
        group = replace(_group(before), rules=edit(_group(before)))
        try:
            return Change(before, inventory.put(group, now), inventory.revision)
        except Problem as problem:
            raise translated(problem, pointers(group)) from None

    def status(done: Change) -> int:
        return 204 if made is None else 201 if made(_group(done.before)) else 200

    return call.write(change, status)


def _within_limit(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len(rules) > RULES_MAX:
        raise Failure(409, "too_many_rules", f"a group has at most {RULES_MAX} rules", limit=RULES_MAX)
    return rules


def _group(stored: Stored | None) -> Group:
    assert stored is not None
    assert isinstance(stored.value, Group)
    return stored.value


def _rule(group: Group, key: str) -> Rule:
    rule = group.rule(key)
    if rule is None:
        raise NotFound("rule", key)
    return rule


def _id(call: Call) -> tuple[str, str]:
    return call.params["tenant"], call.params["group"]


def _fixed(call: Call) -> dict[str, str]:
    return {"tenant": call.params["tenant"], "group": call.params["group"]}
