"""The simulator, and the trace that stands on it, against Open vSwitch's own `ofproto/trace`: more than ten
thousand random packets under random policies go the same way through the same flows of a real switch, and come out at
the same ports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.core import datapath_trace
from app.core.dialogue import Push
from app.core.packets import FiveTuple, Packet
from app.core.problems import NotFound
from app.core.question import Question
from app.core.sections import Section
from app.core.trace import trace
from app.core.values import Port
from app.openflow.connection import Connection
from app.openflow.inspection import push
from app.openflow.switch_io import match_fragments
from tests.model import small_world as small
from tests.model.frames import LOCAL
from tests.model.showing import show
from tests.model.side_by_side import SideBySide
from tests.model.traffic import some_frame
from tests.switch.questions import ControlLine
from tests.wire.dial import dial
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch

WORLDS = 42
FRAMES, QUESTIONS = 200, 120  # of each world; a question is one to four packets: on two switches, and back
PLACES = {1: "ext0", **{n + 1: f"v{n}" for n in (1, 2, 3, 4)}, 127: "ext1"}
FEW = settings(
    max_examples=WORLDS, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@dataclass
class Asker:
    """The real switch: given flows, asked about packets. `counts` says how much could be compared."""

    ovs: OpenVSwitch
    line: ControlLine
    talk: Connection
    ofports: dict[int, int]
    counts: Counter[str] = field(default_factory=Counter)

    def install(self, world: SideBySide) -> None:
        self.ovs.ofctl("del-flows")
        self.ovs.ofctl("del-meters")
        push(self.talk, Push(dict(world.program.wanted), meters=dict(world.program.meters)))

    def compare(self, packet: Packet, section: Section, about: object) -> None:
        asked = datapath_trace.ask(packet, section)
        told = datapath_trace.parse(self.line("ofproto/trace", "br0", *asked.arguments))
        found = list(datapath_trace.differences(asked, told, self.ofports))
        assert not found, f"{found}: {about}\n{asked.arguments}"
        self.counts["packets"] += 1
        self.counts["in part"] += not asked.all
        self.counts["conntrack"] += len(asked.sections) > 1
        self.counts["delivered"] += any(each.outputs for each in asked.sections)


@pytest.fixture(scope="module")
def asker(place: Path) -> Iterator[Asker]:
    with OpenVSwitch(place) as ovs:
        ovs.add_bridge("br0", dpid=1)
        for ofport, name in PLACES.items():
            ovs.vsctl("add-port", "br0", name, "--", "set", "interface", name, "type=internal",
                      f"ofport_request={ofport}")  # fmt: skip
        with dial(ovs.management("br0"), 5) as talk, ControlLine(ovs.unixctl) as line:
            match_fragments(talk)
            yield Asker(ovs, line, talk, datapath_trace.datapath_ports(line("dpif/show"), "br0"))


@st.composite
def worlds(draw: st.DrawFn) -> SideBySide:
    world = SideBySide(draw(st.booleans()), hesitant=draw(st.booleans()))
    contents = (small.guardrail_lists, st.lists(small.groups, max_size=5), st.lists(small.address_groups, max_size=3),
                st.lists(small.ports(), min_size=2, max_size=7))  # fmt: skip
    for value in (*small.nothing_yet(), *(value for some in contents for value in draw(some))):
        world.put(value)
    world.follow()
    for ofport, name in ((LOCAL, small.BR0), *PLACES.items()):
        world.plug(ofport, name)
    world.follow()
    return world


@FEW
@given(world=worlds(), seed=st.integers(0, 2**16))
def test_every_packet_meets_the_same_flows_in_the_model_and_on_the_switch(
    asker: Asker, world: SideBySide, seed: int
) -> None:
    asker.install(world)
    rng = Random(seed)
    for _ in range(FRAMES):
        frame = some_frame(rng, world.bridge(), world.reference.known)
        world.reference.deliver(world.bridge(), frame)  # which knows what may be said next
        inner, whole = (FiveTuple(*five) if five else None for five in (frame.inner, frame.whole))
        outcome = world.simulator.send(dict(frame.fields), inner, whole)
        asker.compare(dict(frame.fields), outcome.section, show(frame))
    for question in (some_question(rng, world) for _ in range(QUESTIONS)):
        try:
            found = trace(world.inventory, {small.DPID: world.program}, question)
        except NotFound:
            continue
        for leg in (*found.legs, *(found.way_back.legs if found.way_back else ())):
            asker.compare(dict(leg.packet), leg.section, question)


def test_nearly_all_of_them_could_be_compared_to_their_end(asker: Asker) -> None:
    counts = asker.counts
    assert counts["packets"] - counts["in part"] >= 10_000, counts
    assert counts["in part"] < counts["packets"] / 30, counts
    assert counts["conntrack"] > counts["packets"] / 10, counts
    assert counts["delivered"] > counts["packets"] / 10, counts


def some_question(rng: Random, world: SideBySide) -> Question:
    ports = [stored.value for stored in world.inventory.list("port")]
    outside = [f"ip:{a}" for a in (*small.OUTSIDE_ADDRESSES, *small.OUTSIDE_ADDRESSES_6, *small.VM_ADDRESSES)]
    ends = [f"{port.tenant}/{port.name}" for port in ports if isinstance(port, Port)]
    source, target = (rng.choice(ends) if ends and rng.random() < 0.8 else rng.choice(outside) for _ in range(2))
    protocol = rng.choice((None, 6, 6, 17, 1, 58, 132, 47))
    has_ports, has_type = protocol in (6, 17, 132), protocol in (1, 58)
    return Question(
        rng.choice(small.TENANTS), source, target, protocol,
        rng.choice((None, *small.NUMBERS)) if has_ports else None, rng.choice(small.NUMBERS) if has_ports else None,
        rng.choice((None, 0, 8, 13, 128, 129)) if has_type else None, rng.choice((None, 0)) if has_type else None,
        rng.choice(("new", "new", "established", "related", "invalid")),  # type: ignore[arg-type]
        rng.choice((None, None, None, *small.VM_MACS)), None, rng.choice((None, None, *small.VLANS)),
    )  # fmt: skip
