"""What a packet of a stateless UDP service costs the datapath, compared with plain forwarding and with conntrack.

One switch, the same two ports, the same packets; only the flows differ, in turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import bursts
from benchmarks.datapath import OFPORT, POLLED, UPLINK, VM, WHOLE, Bench, Means, Reading, bench
from benchmarks.policies import OUTSIDE, SERVER, Rules, flows_for
from benchmarks.report import Row
from benchmarks.world import RULES
from topology import datapath

CLIENTS = (1, 1_000, 50_000)  # each is another source port
PACKETS = 20_000  # of one measurement, if there are not more clients
ROUNDS = 3
SERVICE, FIRST_SPORT = 53, 1024
PATCHED, NORMAL, STATELESS, STATEFUL = "port to port", "NORMAL", "stateless rule", "stateful rule"
PLAIN = {
    PATCHED: f"in_port={OFPORT[UPLINK]},actions=output:{OFPORT[VM]}\n"
    f"in_port={OFPORT[VM]},actions=output:{OFPORT[UPLINK]}",
    NORMAL: "actions=NORMAL",
}
# The packets that are measured arrive by the uplink (questions) or by the VM's port (answers).
PARTS = ((POLLED, UPLINK, CLIENTS), (POLLED, VM, CLIENTS[:2]), (WHOLE, UPLINK, CLIENTS[:2]))
COLUMNS = ("per packet", "/ NORMAL", "/ port to port", "recirculations", "conntrack entries")


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement, and how many conntrack entries there were then."""

    reading: Reading
    entries: int


@dataclass(frozen=True, slots=True)
class Result:
    """Measurements of one kind of traffic, by the name of the flows; those of one round stand at the same place."""

    means: Means
    fed: str
    clients: int
    costs: dict[str, list[Cost]]

    def ratio(self, flows: str, peer: str) -> float:
        """The median over the rounds of what a packet costs under `flows` and under `peer`."""
        pairs = zip(self.costs[flows], self.costs[peer], strict=True)
        return median(one.reading.per_packet / max(other.reading.per_packet, 1) for one, other in pairs)


def run(directory: Path, means: Means, fed: str, clients: Sequence[int], rounds: int = ROUNDS) -> Iterator[Result]:
    """A result per number of clients. Raises SwitchError where this means does not work."""
    for place in (directory / "ovs", directory / "controller"):
        place.mkdir(parents=True)
    with bench(directory / "ovs", means, fed) as switch:
        ours = flows_for(directory / "controller", switch.ovs, (policy(stateful=False), policy(stateful=True)))
        flows = {**PLAIN, STATELESS: ours[0], STATEFUL: ours[1]}
        for number in clients:
            traffic = traffic_of(number)
            costs: dict[str, list[Cost]] = {name: [] for name in flows}
            for name in list(flows) * rounds:
                switch.ovs.program(flows[name])
                costs[name].append(measure(switch, traffic))
            yield Result(means, fed, number, costs)


def policy(*, stateful: bool) -> Rules:
    """The rules of the other benchmarks; the name service is stateful or not."""
    return [rule | {"stateful": stateful} if rule["key"] == "dns" else rule for rule in RULES]


def traffic_of(clients: int) -> dict[str, list[bytes]]:
    """What arrives by each port: a question of each client, and its answer."""
    sports = range(FIRST_SPORT, FIRST_SPORT + clients)
    return {
        UPLINK: bursts.questions(OUTSIDE, SERVER, SERVICE, sports),
        VM: bursts.answers(OUTSIDE, SERVER, SERVICE, sports),
    }


def measure(switch: Bench, traffic: dict[str, list[bytes]]) -> Cost:
    """The cost when all connections are known and the datapath's caches are warm."""
    switch.ovs.appctl("dpctl/flush-conntrack")
    switch.cache_every_flow(True)
    frames = traffic[switch.fed]
    for port in (UPLINK, VM, switch.fed):
        switch.send(port, traffic[port])
    switch.cache_every_flow(False)
    reading = switch.measure(frames, max(PACKETS // len(frames), 1))
    return Cost(reading, len(datapath.connections(switch.ovs)))


def report(results: Sequence[Result]) -> Iterator[Row]:
    """The rows of the printed table; `COLUMNS` are their heads."""
    for result in results:
        what = "questions" if result.fed == UPLINK else "answers"
        yield f"{what} of {result.clients} clients, {result.means.name}", "", "", "", "", ""
        for name, costs in result.costs.items():
            price = median(cost.reading.per_packet for cost in costs)
            aim = " (aim <= 1.3)" if name == STATELESS else ""
            again = sum(c.reading.recirculations for c in costs) / max(sum(c.reading.packets for c in costs), 1)
            yield (
                f"  {name}", f"{price:.0f} {result.means.unit}", f"{result.ratio(name, NORMAL):.2f}{aim}",
                f"{result.ratio(name, PATCHED):.2f}", f"{again:.2f}", f"{max(cost.entries for cost in costs)}",
            )  # fmt: skip
