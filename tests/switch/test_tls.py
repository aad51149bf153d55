"""OpenFlow over TLS, set up by the commands and options of docs/tls.md."""

from __future__ import annotations

import configparser
import os
import re
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.hardening.strangers import Switch, call, is_hung_up, message
from tests.switch.conftest import POLICY
from tests.switch.site import DPID, Site, eventually, rule
from topology import SEED
from topology.controller import MANAGER, ROOT, Controller
from topology.fabric import realise

pytestmark = pytest.mark.switch
DOCUMENT = (ROOT / "docs" / "tls.md").read_text()
MAKE, CONNECT = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
OPTIONS, LIST = re.findall(r"```ini\n(.*?)```", DOCUMENT, re.DOTALL)
FILES = ("ctl_privkey", "ctl_cert", "ca_certs")
FOREIGN = trustme.CA()


def options(text: str, section: str) -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return dict(parser[section])


def run(script: str, where: Path, **environment: str) -> None:
    done = subprocess.run(["bash", "-euc", script], cwd=where, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pki(place: Path) -> Path:
    """What the document's commands make, and a certificate of another authority."""
    directory = place / "pki"
    directory.mkdir()
    run(MAKE, directory, PATH="/usr/bin:/bin")
    foreign = FOREIGN.issue_cert("switch1")
    foreign.private_key_pem.write_to_path(directory / "foreign.key")
    foreign.cert_chain_pems[0].write_to_path(directory / "foreign.pem")
    return directory


@pytest.fixture(scope="module")
def guarded(place: Path, pki: Path) -> Iterator[Site]:
    """The seed's lab, not connected yet, and a controller that is configured as the document says."""
    said = options(OPTIONS, "DEFAULT")
    assert said.pop("ofp_ssl_listen_port") == "6653"
    assert set(said) == set(FILES)
    arguments = [each for name, path in said.items() for each in (f"--{name.replace('_', '-')}", pki / Path(path).name)]
    allowed = {"switches": options(LIST, "ovswarden")["switches"]}
    command = [str(MANAGER), *map(str, arguments)]
    with (
        Controller(place, SEED.uplinks, command=command, settings=allowed) as controller,
        realise(SEED, None, place / "switch") as fabric,
    ):
        yield Site(controller, fabric)


def connected(site: Site, dpid: str = DPID) -> bool:
    switches = site.controller.get("/v1/switches")["items"]
    return any(each["dpid"] == dpid and each["status"]["connected"] for each in switches)


def client(pki: Path, name: str | None = None) -> ssl.SSLContext:
    """A switch's end, with this certificate or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(pki / "controllers-ca.pem")
    if name:
        context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    return context


def gets_nothing(context: ssl.SSLContext) -> bool:
    """Whether a switch that shakes hands so is hung up on without having been told anything."""
    try:
        with context.wrap_socket(call()) as peer:  # in TLS 1.3 the client learns of a refusal when it reads
            return peer.recv(100) == b""
    except OSError:
        return True


def test_a_real_switch_is_served_with_its_certificate_and_not_with_a_foreign_one(guarded: Site, pki: Path) -> None:
    ovs = guarded.fabric.ovs
    ovs.vsctl("set-ssl", *(str(pki / name) for name in ("foreign.key", "foreign.pem", "controllers-ca.pem")))
    ovs.set_controller("br0", "ssl:127.0.0.1:6653")
    assert eventually(lambda: guarded.logged("closing the connection") >= 2)  # it tries again and again
    assert not connected(guarded)
    assert guarded.flows() == []
    run(CONNECT, pki, PATH="/usr/bin:/bin", OVS_RUNDIR=str(ovs.directory))
    guarded.controller.wait_connected()
    guarded.reset(POLICY)
    assert guarded.passes(("ext", "vm1", 22), ("vm1", "ext", 4711), ("vm1", "vm2", 80)) == [True] * 3
    assert guarded.blocked(("ext", "vm1", 23), ("vm2", "vm1", 80))


def test_who_has_no_certificate_or_another_authoritys_is_told_nothing(guarded: Site, pki: Path) -> None:
    assert gets_nothing(client(pki))
    assert gets_nothing(client(pki, "foreign"))
    assert gets_nothing(client(pki, "controller"))  # of the controllers' authority, not the switches'
    with client(pki, "switch1").wrap_socket(call()) as peer:
        assert peer.recv(8)[1] == 0  # HELLO


def test_older_tls_is_not_spoken(guarded: Site, pki: Path) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1):
        context = client(pki, "switch1")
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version = context.maximum_version = version
        assert gets_nothing(context) is (version < ssl.TLSVersion.TLSv1_2)


def test_plain_openflow_gets_nowhere(guarded: Site) -> None:
    with call() as peer:
        peer.sendall(message(0))
        assert is_hung_up(peer)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 6633))


def test_silent_clients_and_broken_off_handshakes_keep_nobody_out(guarded: Site, pki: Path) -> None:
    silent = [call() for _ in range(300)]
    for peer in silent[::2]:
        peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the beginning of a ClientHello
    with client(pki, "switch1").wrap_socket(call()) as peer:
        assert peer.recv(8)[1] == 0
    assert guarded.passes(("ext", "vm1", 22)) == [True]
    guarded.put("/v1/tenants/red/groups/ssh/rules/alt", rule("ingress", "tcp", 8022))
    for peer in silent:
        peer.close()


def test_garbage_after_the_handshake_ends_the_connection(guarded: Site, pki: Path) -> None:
    with client(pki, "switch1").wrap_socket(call()) as peer:
        assert peer.recv(8)
        with socket.socket(fileno=os.dup(peer.fileno())) as bare:
            bare.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            assert is_hung_up(bare)


def test_a_switch_that_is_not_listed_is_refused_before_anything_is_read(guarded: Site, pki: Path) -> None:
    asked: list[int] = []

    def answer(kind: int, _: bytes, __: int) -> bytes:
        asked.append(kind)
        return b""

    for _ in range(5):
        with Switch(0xBAD, answer, client(pki, "switch1").wrap_socket(call())) as switch:
            assert switch.hung_up()
    assert asked == []
    assert f"{0xBAD:016x}" not in str(guarded.controller.get("/v1/switches"))
    events = guarded.controller.get("/v1/events?type=switch.refused")["items"]
    assert [event["data"]["switch"] for event in events] == [f"{0xBAD:016x}"]
    assert guarded.logged(f"{0xBAD:016x}") == 1
