"""What one tenant may take of what all share: connections, new connections per second, how long they are remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.core.parsing import Invalid

# The keys of Open vSwitch's timeout policies, in seconds (ovs-vswitchd.conf.db(5), CT_Timeout_Policy).
TIMEOUTS = (
    "tcp_syn_sent",
    "tcp_syn_recv",
    "tcp_established",
    "tcp_fin_wait",
    "tcp_close_wait",
    "tcp_last_ack",
    "tcp_time_wait",
    "tcp_close",
    "tcp_syn_sent2",
    "tcp_retransmit",
    "tcp_unack",
    "udp_first",
    "udp_single",
    "udp_multiple",
    "icmp_first",
    "icmp_reply",
)


CONNECTIONS_LAST = 0xFFFFFFFF  # a zone's limit has 32 bits
RATE_LAST = 1_000_000  # beyond that it is no limit to anybody
SECONDS_LAST = 2**31
BURST_WITHOUT_RATE = "without a limit per second there is no burst"


class Rate(NamedTuple):
    """New connections per second, and how many may come at once."""

    per_second: int
    burst: int


class Defaults(NamedTuple):
    """What the settings say for tenants that say nothing. 0: no limit."""

    connections: int = 0
    rate: Rate = Rate(0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """A tenant's limits. None: the setting's default holds; 0: no limit.

    `connections` is of each of its conntrack zones, on each switch. `new_per_second` and `burst` are of each port: for
    the connections that it opens, and as much again for those that it accepts. `timeouts` are seconds by TIMEOUTS'
    names.
    """

    connections: int | None = None
    new_per_second: int | None = None
    burst: int | None = None
    timeouts: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "timeouts", tuple(sorted(self.timeouts)))
        self._check("connections", self.connections, 0, CONNECTIONS_LAST)
        self._check("new_per_second", self.new_per_second, 0, RATE_LAST)
        self._check("burst", self.burst, 0, RATE_LAST)
        for name, seconds in self.timeouts:
            if name not in TIMEOUTS:
                raise Invalid("unknown_timeout", f"{name!r} is not a timeout", ", ".join(TIMEOUTS))
            self._check(f"timeout {name}", seconds, 1, SECONDS_LAST)
        if len(dict(self.timeouts)) != len(self.timeouts):
            raise Invalid("duplicate_key", "a timeout is given twice")
        if self.burst and self.new_per_second == 0:
            raise Invalid("burst_without_rate", BURST_WITHOUT_RATE)

    @staticmethod
    def _check(what: str, number: int | None, first: int, last: int) -> None:
        if number is not None and not first <= number <= last:
            raise Invalid("out_of_range", f"{what} {number} is not in {first}..{last}")

    def held(self, defaults: Defaults) -> Limits:
        """With the defaults where it says nothing: the limits that hold."""
        connections = defaults.connections if self.connections is None else self.connections
        rate = self.rate(defaults.rate) or Rate(0, 0)
        return Limits(connections, rate.per_second, rate.burst, self.timeouts)

    def rate(self, default: Rate | None = None) -> Rate | None:
        """The rate that holds for each port; None if there is none."""
        per_second = self.new_per_second if self.new_per_second is not None else default.per_second if default else 0
        if not per_second:
            return None
        given = self.burst if self.burst is not None else default.burst if default else 0
        return Rate(per_second, given or per_second)
