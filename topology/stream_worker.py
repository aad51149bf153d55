"""The process behind one `Stream`: sends and receives in two namespaces, reports numbers with times.

    python -m topology.stream_worker KIND SOURCE-NAMESPACE TARGET-NAMESPACE TARGET-ADDRESS PORT INTERVAL SOURCE-PORT

A process of its own, so that a busy test cannot make its own gaps. Lines on stdout: `S number time` (sent),
`R number time` (received), `E message` (the stream could not be opened or broke). It ends when stdin closes,
i.e. with its parent at the latest.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time

from topology.namespaces import inside

NUMBER = struct.Struct("!Q")
End = tuple[str, int]


def say(letter: str, number: int) -> None:
    os.write(1, f"{letter} {number} {time.monotonic():.6f}\n".encode())


def push(sender: socket.socket, interval: float) -> None:
    """One number per interval, for ever. A datagram that is refused is simply lost."""
    started, number = time.monotonic(), 0
    while True:
        say("S", number)
        try:
            sender.sendall(NUMBER.pack(number))
        except ConnectionRefusedError:
            if sender.type == socket.SOCK_STREAM:
                raise
        number += 1
        time.sleep(max(0.0, started + number * interval - time.monotonic()))


def hear(receiver: socket.socket) -> None:
    """Report each number as it arrives, until the other side closes."""
    pending = b""
    while chunk := receiver.recv(4096):
        pending += chunk
        while len(pending) >= NUMBER.size:
            say("R", NUMBER.unpack_from(pending)[0])
            pending = pending[NUMBER.size :]


def opened(namespace: str, end: End, kind: int, port: int) -> socket.socket:
    """A socket of the end's family in a namespace, bound to a port (0: any)."""
    family = socket.AF_INET6 if ":" in end[0] else socket.AF_INET
    made = inside(namespace, lambda: socket.socket(family, kind))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind(("", port))
    return made


def tcp(source: str, target: str, end: End, interval: float, sport: int, server_pushes: bool) -> None:
    listener = opened(target, end, socket.SOCK_STREAM, end[1])
    listener.listen()
    client = opened(source, end, socket.SOCK_STREAM, sport)
    client.connect(end)
    server, _ = listener.accept()
    listener.close()  # the port is free for probes while the stream lives
    for party in (client, server):
        party.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sender, receiver = (server, client) if server_pushes else (client, server)
    threading.Thread(target=guarded, args=(hear, receiver), daemon=True).start()
    push(sender, interval)


def udp(source: str, target: str, end: End, interval: float, sport: int) -> None:
    sender = opened(source, end, socket.SOCK_DGRAM, sport)
    sender.connect(end)
    receiver = opened(target, end, socket.SOCK_DGRAM, end[1])
    receiver.connect(sender.getsockname())  # takes this sender's datagrams only, the rest is free for probes
    threading.Thread(target=guarded, args=(hear, receiver), daemon=True).start()
    push(sender, interval)


def guarded(work, *arguments) -> None:
    try:
        work(*arguments)
    except OSError as error:
        os.write(1, f"E {error}\n".encode())


def main(kind: str, source: str, target: str, address: str, port: str, interval: str, sport: str) -> None:
    parties = (source, target, (address, int(port)), float(interval), int(sport))
    work = (udp, *parties) if kind == "udp" else (tcp, *parties, kind == "server-push")
    threading.Thread(target=guarded, args=work, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)  # threads still wait on sockets; there is nothing to tidy


if __name__ == "__main__":
    main(*sys.argv[1:])
