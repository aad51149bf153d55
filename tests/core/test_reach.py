"""Who may open what to whom: the words of it, the matrix, what a change changes, and what must not change."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.addresses import Network, network
from app.core.assertions import Assertion, Assertions
from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.problems import AssertionsBroken
from app.core.reach import ANY, EVERYTHING, NOTHING, End, ReachChange, Traffic, allowed, cell, changes, matrix
from app.core.reach.assertions import Moved, TooMuchToJudge, keeping, outcomes
from app.core.reach.atoms import Atoms
from app.core.reach.pieces import pieces
from app.core.reach.regions import EMPTY, box, contains, difference, intersection, union
from app.core.values import AddressGroup, Direction, Group, Guardrail, Port, Rule, Tenant
from tests.model.profiles import effort

NOW = "2026-01-01T00:00:00Z"
ALL4 = Traffic.of(4)
PG = Traffic.of(4, 6, None, (5432, 5432))


def rule(key: str, direction: Direction = "ingress", **what: object) -> Rule:
    return Rule(key, direction, **what)  # type: ignore[arg-type]


HTTPS = rule("https", protocol=6, ports=(443, 443))
NTP = rule("ntp", protocol=17, ports=(123, 123), source_ports=(123, 123))
POSTGRES = rule("pg", protocol=6, ports=(5432, 5432), remote_group="web")
MONITORING = rule("mon", protocol=6, ports=(9100, 9100), remote_address_group="mon")
PING = rule("ping", protocol=1, icmp_type=8)


@pytest.fixture
def acme() -> Inventory:
    """Two web servers, a database, one that is open to all, one that is off, one that may send nothing."""
    inventory = Inventory()
    inventory.put(Tenant("acme"), NOW)
    inventory.put(AddressGroup("acme", "mon", cidrs=("10.9.0.0/24",)), NOW)
    inventory.put(Group("acme", "web", rules=(HTTPS, NTP)), NOW)
    inventory.put(Group("acme", "db", rules=(POSTGRES, MONITORING, PING)), NOW)
    inventory.put(Group("acme", "open", rules=(rule("all"),)), NOW)
    for n, (name, group) in enumerate((("web-1", "web"), ("web-2", "web"), ("db-1", "db"), ("any-1", "open")), 1):
        inventory.put(port(n, name, group), NOW)
    inventory.put(replace(port(5, "off", "open"), enabled=False), NOW)
    inventory.put(replace(port(6, "mute", "open"), egress="rules"), NOW)
    inventory.take_journal()
    return inventory


def port(n: int, name: str, *groups: str, vlan: int = 0) -> Port:
    return Port("acme", name, f"52:54:00:00:00:{n:02x}", (f"10.20.0.{n}",), groups, vlan=vlan)


def of(text: str) -> End:
    return End.parse(text, "acme")


# -- sets

spans = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda pair: (min(pair), max(pair)))
regions = st.lists(st.tuples(spans, spans), max_size=4)


@effort(60)
@given(regions, regions)
def test_regions_are_sets_of_pairs_and_equal_sets_are_equal(one: list, other: list) -> None:  # type: ignore[type-arg]
    a, b = (
        {pair for both in each for pair in product(*(range(low, high + 1) for low, high in both))}
        for each in (one, other)
    )
    first, second = EMPTY, EMPTY
    for first_span, second_span in one:
        first = union(first, box(first_span, second_span))
    for first_span, second_span in reversed(other):
        second = union(second, box(first_span, second_span))
    for combined, wanted in (
        (union(first, second), a | b), (intersection(first, second), a & b), (difference(first, second), a - b),
    ):  # fmt: skip
        assert {pair for pair in product(range(7), range(7)) if contains(combined, *pair)} == wanted
    assert (first == second) == (a == b)


def test_traffic_is_a_set() -> None:
    dns = Traffic.of(4, 17, None, (53, 53))
    assert PG <= ALL4 <= EVERYTHING
    assert not ALL4 <= PG
    assert (ALL4 - PG) | PG == ALL4
    assert not PG & dns
    assert PG - PG == NOTHING
    assert not NOTHING
    assert (ALL4 - PG).has(4, 47)
    assert not (ALL4 - PG).has(4, 6, 1, 5432)


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        (NOTHING, "-"),
        (EVERYTHING, "*"),
        (ALL4, ("ipv4",)),
        (ALL4 - PG, ("ipv4", "!tcp/5432")),
        (PG | Traffic.of(6, 6, None, (443, 443)), ("tcp/5432", "ipv6 tcp/443")),
        (Traffic.of(4, 17, (123, 123), (123, 123)), ("udp/123 from 123",)),
        (Traffic.of(4, 17, (123, 123)), ("udp from 123",)),
        (Traffic.of(4, 6, None, (8000, 8080)) | Traffic.of(4, 6, None, (22, 22)), ("tcp/22", "tcp/8000-8080")),
        (Traffic.of(4, 1), ("icmp",)),
        (Traffic.of(4, 1, (3, 3), (4, 4)), ("icmp/3 code 4",)),
        (Traffic.of(6, 58, (128, 128)), ("icmpv6/128",)),
        (Traffic.of(4, 47), ("ip/47",)),
    ],
)
def test_traffic_in_words(traffic: Traffic, words: object) -> None:
    assert cell(traffic) == words


def test_atoms_tell_what_addresses_are_in() -> None:
    named = [("10.0.0.0/8", 1), ("10.0.0.0/24", 2), ("10.0.0.7", 3), ("10.0.0.7", 4), ("10.0.1.0/24", 2)]
    atoms = Atoms(4, [(network(text), number) for text, number in named])
    assert atoms.of(network("10.0.0.7")) == {frozenset((1, 2, 3, 4))}
    assert atoms.of(network("10.0.0.6/31")) == {frozenset((1, 2)), frozenset((1, 2, 3, 4))}
    assert atoms.of(network("11.0.0.0/8")) == {frozenset()}
    assert atoms.of(network("10.0.0.0/23")) == {frozenset((1, 2)), frozenset((1, 2, 3, 4))}
    assert len(atoms.of(Network(4, 0, 0))) == 4
    assert Atoms(4, [(Network(4, 0, 0), 1)]).of(network("0.0.0.0/0")) == {frozenset((1,))}


def test_pieces_are_networks_without_the_smaller_ones() -> None:
    world = pieces([network("10.0.0.0/8"), network("10.0.0.0/9"), network("10.128.0.0/9")], [network("11.0.0.0")])
    told = {
        str(piece.network): (piece.sample.value >> 24, piece.around) for piece in world if piece.network.family == 4
    }
    assert str(network("10.0.0.0/8")) not in told, "two halves fill it"
    assert world[0].network == Network(4, 0, 0)
    assert len(world) == 4
    assert pieces([], [network("0.0.0.0")])[0].sample == network("0.0.0.1")


# -- what is allowed


def test_a_connection_needs_what_lets_it_out_and_what_lets_it_in(acme: Inventory) -> None:
    assert allowed(acme, of("web-1"), of("db-1")) == PG | Traffic.of(4, 1, (8, 8))
    assert allowed(acme, of("mute"), of("db-1")) == NOTHING
    assert allowed(acme, of("web-1"), of("off")) == allowed(acme, of("off"), of("web-1")) == NOTHING
    assert allowed(acme, of("ip:10.9.0.4/30"), of("db-1")).has(4, 6, 40000, 9100)
    assert not allowed(acme, of("ip:10.8.0.4/30"), of("db-1")).has(4, 6, 40000, 9100)
    assert allowed(acme, of("ip:10.0.0.0/8"), of("db-1")).has(4, 6, 40000, 9100), "some of its addresses"


def test_a_router_joins_segments_but_not_under_link_local_addresses(acme: Inventory) -> None:
    inside = replace(acme.port(("acme", "db-1")), vlan=5)
    ping6 = rule("ping6", ethertype="IPv6", protocol=58)
    acme.put(Group("acme", "db", rules=(POSTGRES, ping6)), NOW)
    assert allowed(acme, of("web-1"), of("db-1")).has(6, 58, 128, 0)
    acme.put(inside, NOW)
    assert allowed(acme, of("web-1"), of("db-1")) == PG


def test_guardrails_decide_before_rules_and_in_their_order(acme: Inventory) -> None:
    acme.put(Guardrail("no-pg", 20, "deny", "ingress", protocol=6, ports=(5000, 6000)), NOW)
    assert not allowed(acme, of("web-1"), of("db-1")) & PG
    acme.put(Guardrail("yes", 10, "allow", "ingress", protocol=6, remote_cidr="10.20.0.2/32"), NOW)
    assert not allowed(acme, of("web-1"), of("db-1")) & PG
    assert Traffic.of(4, 6) <= allowed(acme, of("web-2"), of("db-1"))


def test_nobody_outside_is_asked_and_anybody_is_every_address(acme: Inventory) -> None:
    assert allowed(acme, ANY, of("db-1")) >= PG, "somebody may have a web server's address"
    assert ALL4 - Traffic.of(4, 17) <= allowed(acme, of("db-1"), ANY)


# -- the matrix


def test_a_matrix_by_group_says_what_some_may_and_where_that_is_not_true_of_all(acme: Inventory) -> None:
    found = matrix(acme, "acme", "group")
    assert (found.rows, found.cols) == (("db", "open", "web"), ("db", "open", "web"))
    web, https = ("icmp/8", "tcp/5432"), ("tcp/443", "udp/123 from 123")
    assert found.cells == (("-", "*", https), (("icmp/8",), "*", https), (web, "*", https))
    # mute is open to all and reaches nobody
    assert found.partial == {(1, 0), (1, 1), (1, 2)}


def test_ports_of_one_kind_share_an_answer_but_nobody_reaches_itself(acme: Inventory) -> None:
    found = matrix(acme, "acme", "port", sources=[of("web-1"), of("web-2")])
    assert found.cols == ("any-1", "db-1", "mute", "off", "web-1", "web-2")
    https = ("tcp/443", "udp/123 from 123")
    assert found.cells[0] == ("*", ("icmp/8", "tcp/5432"), "*", "-", "-", https)
    assert found.cells[1] == ("*", ("icmp/8", "tcp/5432"), "*", "-", https, "-")


def test_networks_outside_are_those_that_rules_name(acme: Inventory) -> None:
    found = matrix(acme, "acme", "group", outside=True)
    assert found.rows[3:] == ("ip:0.0.0.0/0", "ip:10.9.0.0/24")
    assert found.cols[3:] == ("ip:0.0.0.0/0",)
    assert found.cells[4][0] == ("icmp/8", "tcp/9100")
    assert (3, 0) in found.partial, "not every address may reach the port of the monitoring"
    assert (4, 0) not in found.partial


def test_a_matrix_of_some_traffic_leaves_out_all_other(acme: Inventory) -> None:
    found = matrix(acme, "acme", "group", only=PG)
    assert [line[0] for line in found.cells] == ["-", "-", ("tcp/5432",)]


def test_a_thousand_ports_of_few_kinds_are_few_questions(acme: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.reach import kinds

    asked = []
    judged = kinds.judged
    monkeypatch.setattr(kinds, "judged", lambda *told: asked.append(told) or judged(*told))
    for n in range(10, 20):
        acme.put(port(n, f"web-{n}", "web"), NOW)
    matrix(acme, "acme", "port")
    of_ten = len(asked)
    asked.clear()
    for n in range(20, 220):
        acme.put(port(n, f"web-{n}", "web"), NOW)
    found = matrix(acme, "acme", "port")
    assert len(found.rows) > 200
    assert 0 < len(asked) == of_ten < 300, "two hundred more of a kind that is known"


# -- changes


def told(acme: Inventory) -> set[tuple[str, str, str, str]]:
    found, is_more = changes(acme, acme.journal)
    assert not is_more
    return {(change.source, change.target, change.words, change.after) for change in found}


def test_a_new_rule_says_who_can_newly_reach_whom(acme: Inventory) -> None:
    ssh = rule("ssh", protocol=6, ports=(22, 22), remote_cidr="10.0.0.0/8")
    acme.put(Group("acme", "db", rules=(POSTGRES, MONITORING, PING, ssh)), NOW)
    everybody = {("any-1", "db-1"), ("group:web", "db-1"), ("ip:10.0.0.0/8", "db-1")}
    assert told(acme) == {(*pair, "tcp/22", "allow") for pair in everybody}
    first = changes(acme, acme.journal)[0][0]
    assert first == ReachChange("acme", first.source, "db-1", "IPv4", 6, (22, 22), "deny", "allow", "tcp/22")


def test_the_inventory_is_as_before_when_changes_have_been_told(acme: Inventory) -> None:
    acme.put(Group("acme", "db"), NOW)
    tables, journal = {kind: dict(table) for kind, table in acme._tables.items()}, list(acme.journal)
    assert ("group:web", "db-1", "tcp/5432", "deny") in told(acme)
    assert {kind: dict(table) for kind, table in acme._tables.items()} == tables
    assert acme.journal == journal
    with pytest.raises(ValueError, match="last writes"):
        changes(acme, journal[1:] + journal[:1])


def test_who_gets_more_by_an_address_group_is_told_by_network(acme: Inventory) -> None:
    acme.put(AddressGroup("acme", "mon", cidrs=("10.9.0.0/16", "10.9.0.0/24")), NOW)
    assert told(acme) == {("ip:10.9.0.0/16", "db-1", "tcp/9100", "allow")}


def test_who_gets_less_by_an_address_group_is_told_by_network(acme: Inventory) -> None:
    acme.put(AddressGroup("acme", "mon"), NOW)
    assert told(acme) == {("ip:10.9.0.0/24", "db-1", "tcp/9100", "deny")}


def test_a_first_address_of_a_family_is_told_although_there_was_a_link_local_one(acme: Inventory) -> None:
    acme.put(Group("acme", "db", rules=(rule("ssh6", ethertype="IPv6", protocol=6, ports=(22, 22)),)), NOW)
    mark = len(acme.journal)
    acme.put(replace(port(3, "db-1", "db"), addresses=("10.20.0.3", "2001:db8::1")), NOW)
    found, _ = changes(acme, acme.journal[mark:])
    new = {(change.source, change.target, change.words, change.after) for change in found}
    assert {("ip:::/0", "db-1", "ipv6 tcp/22", "allow"), ("db-1", "ip:::/0", "ipv6", "allow")} <= new


def test_a_port_that_goes_is_told(acme: Inventory) -> None:
    acme.delete("port", "acme", "web-2", now=NOW)
    assert ("web-2", "db-1", "tcp/5432", "deny") in told(acme)
    assert ("ip:0.0.0.0/0", "web-2", "tcp/443", "deny") in told(acme)


def test_what_changes_nothing_is_not_told(acme: Inventory) -> None:
    acme.put(
        Group("acme", "db", "other words", (POSTGRES, MONITORING, PING, rule("again", protocol=1, icmp_type=8))), NOW
    )
    assert told(acme) == set()


def test_a_guardrail_is_told_to_those_whom_it_concerns(acme: Inventory) -> None:
    acme.put(Guardrail("no-pg", 20, "deny", "ingress", protocol=6, ports=(5432, 5432), tenants=("acme",)), NOW)
    assert ("group:web", "db-1", "tcp/5432", "deny") in told(acme)


# -- assertions


def says(source: str, target: str, expect: str, port: int | None = None, protocol: int | None = 6) -> Assertion:
    return Assertion(source, target, expect, protocol, port)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("assertion", "result"),
    [
        (says("group:web", "db-1", "allow", 5432), "passed"),
        (says("group:web", "group:db", "allow", 5432), "passed"),
        (says("group:open", "group:db", "allow", 5432), "failed"),
        (says("group:web", "db-1", "deny", 22), "passed"),
        (says("group:web", "db-1", "deny"), "failed"),
        (says("any", "db-1", "deny", 22), "passed"),
        (says("any", "group:web", "allow", 443), "passed"),
        (says("ip:10.9.0.0/28", "db-1", "allow", 9100), "passed"),
        (says("ip:10.9.0.0/16", "db-1", "allow", 9100), "failed"),
        (says("ip:10.9.0.0/16", "db-1", "deny", 9100), "failed"),
        (says("web-1", "any", "allow", None, None), "passed"),
        (says("off", "db-1", "deny"), "moot"),
        (says("nobody", "db-1", "deny"), "moot"),
        (says("group:nobody", "db-1", "allow"), "moot"),
        (says("web-1", "db-1", "allow", None, 1), "failed"),
        (says("web-1", "group:web", "allow", 443), "passed"),
    ],
)
def test_assertions(acme: Inventory, assertion: Assertion, result: str) -> None:
    (outcome,) = outcomes(acme, "acme", [assertion])
    assert outcome.result == result, outcome


def test_what_fails_names_the_rules_that_decide(acme: Inventory) -> None:
    denied, allowed_ = outcomes(acme, "acme", [says("web-1", "db-1", "deny"), says("any-1", "db-1", "allow", 5432)])
    assert denied.reasons[0].rules == ("default_egress", "db/pg")
    assert denied.reasons[0].traffic == ("tcp/5432",)
    assert allowed_.reasons[0].refused_by == "ingress of db-1"
    (muted,) = outcomes(acme, "acme", [says("mute", "any-1", "allow")])
    assert muted.reasons[0].refused_by == "egress of mute"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (lambda: says("any", "ip:10.0.0.0/8", "deny"), "nobody_of_ours"),
        (lambda: says("blue/vm1", "db-1", "deny"), "another_tenant"),
        (lambda: says("web-1", "db-1", "deny", 22, None), "ports_without_protocol"),
        (lambda: Assertion("ip:fd00::/8", "db-1", "deny", ethertype="IPv4"), "family_mismatch"),
        (lambda: Assertion("ip:10.0.0.0/8", "db-1", "deny", 58), "family_mismatch"),
        (lambda: says("ip:10.0.0.1/8", "db-1", "deny"), "host_bits_set"),
        (lambda: says("web 1", "db-1", "deny"), "malformed"),
    ],
)
def test_assertions_that_say_nothing_are_refused(what: object, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        what()  # type: ignore[operator]
    assert refused.value.code == code


SSH = rule("ssh", protocol=6, ports=(22, 22))


def open_ssh(inventory: Inventory, now: str) -> None:
    inventory.put(Group("acme", "db", rules=(POSTGRES, MONITORING, PING, SSH)), now)


def test_a_change_that_breaks_an_assertion_is_refused(acme: Inventory) -> None:
    acme.put(Assertions("acme", (says("web-1", "db-1", "deny", 22), says("web-1", "db-1", "deny", 80))), NOW)
    with pytest.raises(AssertionsBroken) as refused, acme.attempt():
        keeping(open_ssh)(acme, NOW)
    ((tenant, outcome),) = refused.value.broken
    assert (tenant, outcome.place, outcome.reasons[0].rules) == ("acme", 0, ("default_egress", "db/ssh"))  # type: ignore[attr-defined]


def test_what_is_broken_already_is_not_the_fault_of_the_next_change(acme: Inventory) -> None:
    acme.put(Assertions("acme", (says("web-1", "db-1", "deny", 5432),)), NOW)
    keeping(open_ssh)(acme, NOW)
    assert len(acme.get("group", "acme", "db").value.rules) == 4  # type: ignore[union-attr]


def test_new_assertions_have_to_hold(acme: Inventory) -> None:
    failing = Assertions("acme", (says("web-1", "db-1", "deny", 5432),))
    with pytest.raises(AssertionsBroken), acme.attempt():
        keeping(lambda inventory, now: inventory.put(failing, now))(acme, NOW)


def test_guardrails_are_not_the_tenants_to_stop(acme: Inventory) -> None:
    acme.put(Assertions("acme", (says("web-1", "db-1", "allow", 5432),)), NOW)
    rail = Guardrail("no-pg", 20, "deny", "ingress", protocol=6, ports=(5432, 5432))
    keeping(lambda inventory, now: inventory.put(rail, now))(acme, NOW)
    assert [outcome.result for outcome in outcomes(acme, "acme")] == ["failed"]


def test_what_is_much_to_judge_is_judged_elsewhere(acme: Inventory) -> None:
    acme.put(Assertions("acme", (says("web-1", "db-1", "deny", 22),)), NOW)
    revision = acme.revision
    with pytest.raises(TooMuchToJudge), acme.attempt():
        keeping(open_ssh, most=3)(acme, NOW)
    with pytest.raises(Moved):
        keeping(open_ssh, judged_at=revision - 1)(acme, NOW)
    keeping(open_ssh, judged_at=revision)(acme, NOW)


def test_assertions_go_with_their_tenant() -> None:
    inventory = Inventory()
    inventory.put(Tenant("acme"), NOW)
    inventory.put(Assertions("acme", (says("web-1", "db-1", "deny", 22),)), NOW)
    inventory.delete("tenant", "acme", now=NOW)
    assert inventory.find("assertions", "acme") is None
