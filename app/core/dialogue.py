"""What a session is told, its events, and what it asks for, its effects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from app.core.audit import Findings, Held
from app.core.flow import Flow
from app.core.limits import Rate

# -- events


@dataclass(frozen=True, slots=True)
class Connected:
    """The switch is there and its ports are known; nothing is known of its flows."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    pass


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What the switch has besides flows: meters, groups, and whether it shows first fragments' ports. `audit` is the
    number of the audit that asked, None when it was `Read`."""

    meters: Mapping[int, Rate] = field(default_factory=dict)
    groups: Collection[int] = ()
    fragments: bool = True
    audit: int | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """The flows that the switch holds, in one piece or in several: then `more` follow."""

    flows: Iterable[tuple[int, int, int]]  # (table, priority, cookie)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """The program changed: these flows and meters came or went, and `revision` of the inventory is the one to reach.

    If `more` of the same change follows, nothing is pushed for this part alone.
    """

    cookies: frozenset[int] | set[int]
    revision: int
    meters: frozenset[int] | set[int] = frozenset()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """The bundle under way is in force, confirmed by a barrier."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Reading or pushing failed; nothing of a bundle is in force."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Others had their turn; go on."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Compare all that the switch holds with what is wanted, content and all, as soon as it is in step."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """The switch's flows, for the audit of this number; in several pieces when `more` follow."""

    audit: int
    flows: Iterable[Held]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The audit of this number could not look."""

    audit: int
    reason: str


@dataclass(frozen=True, slots=True)
class Doubted:
    """Whether the switch holds these flows as they should be is not known any more: they are put there anew."""

    cookies: frozenset[int]


Event = (
    Connected
    | Disconnected
    | Surveyed
    | Reported
    | Changed
    | Committed
    | Refused
    | Tick
    | Resume
    | Audit
    | Inspected
    | Unreadable
    | Doubted
)

# -- effects


@dataclass(frozen=True, slots=True)
class Read:
    """Survey the switch, then ask it for all its flows and report them."""


@dataclass(frozen=True, slots=True)
class Push:
    """Set meters; send one atomic bundle, the deletions first, then the additions, which are by cookie; then delete
    meters and groups, and set how fragments are treated."""

    adds: Mapping[int, Flow]
    deletes: tuple[int, ...] = ()
    meters: Mapping[int, Rate] = field(default_factory=dict)
    replaced: frozenset[int] = frozenset()  # of these meters, those that the switch has, with another rate
    unmeters: tuple[int, ...] = ()
    ungroups: tuple[int, ...] = ()
    fragments: bool = False

    def __len__(self) -> int:
        parts = (self.adds, self.deletes, self.meters, self.unmeters, self.ungroups)
        return sum(map(len, parts)) + self.fragments


@dataclass(frozen=True, slots=True)
class Wake:
    """Send a Tick at this time."""

    at: float


@dataclass(frozen=True, slots=True)
class Again:
    """Let others have their turn, then send Resume."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """Survey the switch and read all its flows with their content, for this audit."""

    audit: int


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit is over. `findings` is None if it could not be done; `mended` whether what it found is put right."""

    findings: Findings | None
    mended: bool = False
    reason: str | None = None


Effect = Read | Push | Wake | Again | Inspect | Audited
