"""Who heard which frame, and with which VLAN tag."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Mapping

from topology.frames import Frame
from topology.namespaces import Attached

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid
TP_STATUS_VLAN_VALID = 1 << 4


class Sniffer:
    """Hears every frame that arrives at the hosts while it is open; not what they send themselves.

    It names where a frame arrived: `vm1`, and `vm1.10` when it came with the VLAN tag 10 (the kernel takes the
    outermost tag off and tells it apart from the frame). A host behind a trunk is heard there.
    """

    def __init__(self, hosts: Mapping[str, Attached]) -> None:
        self._ears: dict[socket.socket, str] = {}
        for name, host in hosts.items():
            if host.host.trunk in hosts:
                continue
            ear = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            ear.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            ear.bind((host.nic, ETH_P_ALL))
            self._ears[ear] = name
        self._heard: list[tuple[str, bytes]] = []

    def __enter__(self) -> Sniffer:
        return self

    def __exit__(self, *_: object) -> None:
        for ear in self._ears:
            ear.close()

    def saw(self, frame: Frame, window: float = 0.4) -> frozenset[str]:
        """Where the frame arrived, listening `window` seconds more.

        Its MACs must be there besides its marker: an ICMP error about it quotes the marker too.
        """
        ends = frame.raw[:12]
        heard = self.listen(window)
        return frozenset(name for name, raw in heard if raw[:12] == ends and frame.marker in raw)

    def take(self, window: float) -> list[tuple[str, bytes]]:
        """Like `listen`, but what it gives is forgotten: for listening for ever."""
        heard, self._heard = self.listen(window), []
        return heard

    def listen(self, window: float) -> list[tuple[str, bytes]]:
        """Listen `window` seconds more; (where, frame without its tag) of everything heard so far, in order."""
        deadline = time.monotonic() + window
        while (left := deadline - time.monotonic()) > 0:
            for ear in select.select(list(self._ears), [], [], left)[0]:
                self._take(ear)
        return list(self._heard)

    def _take(self, ear: socket.socket) -> None:
        raw, told, _, address = ear.recvmsg(65535, socket.CMSG_SPACE(AUXDATA.size))
        if address[2] == PACKET_OUTGOING:
            return
        name = self._ears[ear]
        for level, kind, data in told:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, *_, tci, _ = AUXDATA.unpack(data)
                name += f".{tci & 0xFFF}" if status & TP_STATUS_VLAN_VALID else ""
        self._heard.append((name, raw))
