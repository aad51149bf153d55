"""A process that writes through `Committer` until it is killed: ``python -m tests.store.writer DIRECTORY SERIES``.

Prints the number of each change when, and only when, it was acknowledged. One change is a tenant, a group with
a rule, and two ports.
"""

import os
import sys

import eventlet

from app.core.values import Group, Port, Rule, Tenant
from app.store import Store
from app.store.committer import Committer

WRITERS = 20


def change_of(series, n):
    def change(inventory, now):
        name = f"s{series}-{n}"
        inventory.put(Tenant(name), now)
        inventory.put(Group(name, "web", rules=(Rule("ssh", "ingress", protocol=6, ports=(22, 22)),)), now)
        for k in (1, 2):
            mac = f"52:{k:02x}:{series:02x}:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
            inventory.put(Port(name, f"p{k}", mac, groups=("web",)), now)

    return change


def main(directory, series):
    store = Store.open(directory)
    committer = Committer(store, store.load(), lambda writes, revision: None)

    def write(first):
        for n in range(first, 1 << 20, WRITERS):
            committer.write(change_of(series, n))
            os.write(1, b"%d\n" % n)

    for greenlet in [eventlet.spawn(write, n) for n in range(WRITERS)]:
        greenlet.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
