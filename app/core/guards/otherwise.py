"""Whatever else a port sends is not its own to send: dropped by a flow of the port's, so that it is counted."""

from collections.abc import Iterator

from app.core.flow import Flow, flow
from app.core.pipeline import Priority, Table
from app.core.plugged import Plugged


def flows(port: Plugged) -> Iterator[Flow]:
    yield flow(Table.GUARD, Priority.OTHERWISE, in_port=port.ofport)
