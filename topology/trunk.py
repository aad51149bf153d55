"""The process behind a host that shares another's wire: carries its frames there and back, tagged on the shared wire.

    python -m topology.trunk INTERFACE TRUNK-NAMESPACE TRUNK-NIC TAG

INTERFACE is the other end of the host's veth pair, in the process's own network namespace. What a VLAN device would
do; not every kernel has them. It runs until it is killed, and says `up` when it carries.
"""

from __future__ import annotations

import ctypes
import selectors
import socket
import struct
import sys
from contextlib import suppress

from topology.namespaces import inside

ETH_P_ALL, SOL_PACKET, PACKET_IGNORE_OUTGOING, SO_ATTACH_FILTER = 3, 263, 23, 26
BUFFER = 4 << 20


def only_tagged(tag: int) -> bytes:
    """Classic BPF (linux/filter.h): frames with this VLAN id, whose tag the kernel has taken off already."""
    load, equal, mask, give = 0x20, 0x15, 0x54, 0x06
    program = (
        (load, 0, 0, 0xFFFFF000 + 48), (equal, 0, 4, 1),  # SKF_AD_VLAN_TAG_PRESENT
        (load, 0, 0, 0xFFFFF000 + 44), (mask, 0, 0, 0xFFF), (equal, 0, 1, tag),  # SKF_AD_VLAN_TAG
        (give, 0, 0, 0x40000), (give, 0, 0, 0),
    )  # fmt: skip
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def opened(namespace: str, interface: str, program: bytes = b"") -> socket.socket:
    """A raw socket on the interface (namespace "": here); it hears what arrives there and the program lets through."""

    def make() -> socket.socket:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    made = inside(namespace, make) if namespace else make()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    made.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    if program:
        text = ctypes.create_string_buffer(program, len(program))
        length = len(program) // 8
        made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", length, ctypes.addressof(text)))
    made.bind((interface, ETH_P_ALL))
    return made


def main(interface: str, trunk: str, nic: str, tag: str) -> None:
    host, wire = opened("", interface), opened(trunk, nic, only_tagged(int(tag)))
    inserted = b"\x81\x00" + int(tag).to_bytes(2)
    selector = selectors.DefaultSelector()
    for end in (host, wire):
        selector.register(end, selectors.EVENT_READ)
    print("up", flush=True)
    while True:
        for key, _ in selector.select():
            with suppress(OSError):  # the other end is down, or gone: a cable loses frames
                frame = key.fileobj.recv(65535)
                if key.fileobj is wire:
                    host.send(frame)
                else:
                    wire.send(frame[:12] + inserted + frame[12:])


if __name__ == "__main__":
    main(*sys.argv[1:])
