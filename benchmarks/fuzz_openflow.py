"""Strangers at the OpenFlow port: garbage, true conversations with bytes changed, half-open connections, liars.

python -m benchmarks.fuzz_openflow SAMPLES SEED    until SIGTERM; then what was tried how often, as JSON

SAMPLES has messages of a real switch, see `record`. Nobody gives the datapath id of the real switch.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.hardening import strangers
from tests.hardening.strangers import FEATURES_REQUEST, HELLO, MULTIPART_REQUEST, Switch, call, message

HALF_OPEN = 64
DESC, FLOWS, TABLES, METER_FEATURES, PORTS = 0, 1, 3, 11, 13
ASKED = ((DESC, b""), (FLOWS, struct.pack("!B3xII4xQQHH4x", 255, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 1, 4)), (TABLES, b""),
         (PORTS, b""), (METER_FEATURES, b""))  # fmt: skip
INTERESTING = (0, 1, 7, 8, 0x7F, 0x80, 0xFE, 0xFF)


def record(management: Path, path: Path) -> None:
    """Write what a bridge answers to a controller's questions, message by message."""
    found = []
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(management))
        peer.settimeout(0.5)
        peer.sendall(message(HELLO, struct.pack("!HHI", 1, 8, 1 << 5)) + message(FEATURES_REQUEST))
        for kind, body in ASKED:
            peer.sendall(message(MULTIPART_REQUEST, struct.pack("!HH4x", kind, 0) + body))
        stream = peer.makefile("rb")
        with suppress(TimeoutError):
            while len(header := stream.read(8)) == 8:
                found.append(header + stream.read(struct.unpack("!BBHI", header)[2] - 8))
    path.write_text(json.dumps([each.hex() for each in found]))


class Strangers:
    """One thing tried after the other."""

    def __init__(self, samples: list[bytes], dice: random.Random) -> None:
        self._samples, self._dice = samples, dice
        self._silent: deque[socket.socket] = deque()
        self.counts: Counter[str] = Counter()
        self.tries: tuple[Callable[[], None], ...] = (
            self.garbage, self.garbage_message, self.mutated, self.mutated, self.cut_off, self.oversized,
            self.half_open, self.liar,
        )  # fmt: skip

    def one(self) -> None:
        what = self._dice.choice(self.tries)
        with suppress(OSError):
            what()
        self.counts[what.__name__] += 1

    def garbage(self) -> None:
        strangers.send(self._dice.randbytes(self._dice.randrange(1, 4000)))

    def garbage_message(self) -> None:
        kind = self._dice.randrange(0, 36)
        body = self._dice.randbytes(self._dice.randrange(0, 300))
        strangers.send(self._hello() + message(kind, body, version=self._dice.choice((1, 4, 5, 6, 255))))

    def mutated(self) -> None:
        strangers.send(self._hello() + self._mutate(b"".join(self._some())))

    def cut_off(self) -> None:
        stream = self._hello() + b"".join(self._some())
        strangers.send(stream[: self._dice.randrange(1, len(stream))])

    def oversized(self) -> None:
        kind = self._dice.choice((0, 2, 6, 10, 12, 19, 33))
        with call() as peer:
            peer.sendall(self._hello() + struct.pack("!BBHI", 5, kind, 65535, 1))
            peer.settimeout(0.2)
            for _ in range(self._dice.randrange(1, 20)):
                peer.sendall(self._dice.randbytes(4096))

    def half_open(self) -> None:
        peer = call()
        if self._dice.random() < 0.5:
            peer.sendall(self._hello()[: self._dice.randrange(1, 16)])
        self._silent.append(peer)
        while len(self._silent) > HALF_OPEN:
            self._silent.popleft().close()

    def liar(self) -> None:
        """A switch that shakes hands and then gives real answers with bytes changed."""

        def answer(kind: int, body: bytes, xid: int) -> bytes:
            plain = strangers.plain_answer(kind, body, xid)
            if kind != MULTIPART_REQUEST or self._dice.random() < 0.3:
                return self._mutate(plain) if plain and self._dice.random() < 0.3 else plain
            about = struct.unpack_from("!H", body)[0]
            real = [each for each in self._samples if each[1] == 19 and struct.unpack_from("!H", each, 8)[0] == about]
            told = b"".join(each[:4] + struct.pack("!I", xid) + each[8:] for each in real) or plain
            return self._mutate(told) if self._dice.random() < 0.7 else told

        with Switch(0xBAD0000 + self._dice.randrange(8), answer):
            time.sleep(self._dice.uniform(0.02, 0.3))

    def _hello(self) -> bytes:
        return message(HELLO, struct.pack("!HHI", 1, 8, 1 << 5))

    def _some(self) -> list[bytes]:
        return [self._dice.choice(self._samples) for _ in range(self._dice.randrange(1, 6))]

    def _mutate(self, stream: bytes) -> bytes:
        data = bytearray(stream)
        for _ in range(self._dice.randrange(1, 6)):
            place = self._dice.randrange(len(data))
            match self._dice.randrange(4):
                case 0:
                    data[place] = self._dice.choice(INTERESTING)
                case 1:
                    data[place] ^= 1 << self._dice.randrange(8)
                case 2:
                    del data[place : place + self._dice.randrange(1, 9)]
                case 3:
                    data[place:place] = data[place : place + self._dice.randrange(1, 64)]
            if not data:
                return b"\0"
        return bytes(data)


def main(samples: str, first: str) -> None:
    made = [bytes.fromhex(each) for each in json.loads(Path(samples).read_text())]
    made = [_of_another_switch(each) for each in made]
    trying, going = Strangers(made, random.Random(int(first))), [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    while going:
        trying.one()
    print(json.dumps(trying.counts))


def _of_another_switch(sample: bytes) -> bytes:
    if sample[1] != strangers.FEATURES_REPLY:
        return sample
    return sample[:8] + struct.pack("!Q", 0xBAD0000) + sample[16:]


if __name__ == "__main__":
    main(*sys.argv[1:])
