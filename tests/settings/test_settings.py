"""Settings through os-ken's way of configuration; what is wrong with one is said in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config import cfg

from app import settings
from app.errors import StartError
from app.settings import Address, Settings

SAMPLE = Path(__file__).parents[2] / "etc" / "ovswarden.conf.sample"


@pytest.fixture
def configure(tmp_path):
    """Settings from the text of a configuration file."""

    def configure(text, section="[ovswarden]\n"):
        file = tmp_path / "ovswarden.conf"
        file.write_text(section + text)
        conf = cfg.ConfigOpts()
        # os-ken parses the command line first and loads the application after it.
        conf(["--config-file", str(file)], project="os_ken", default_config_files=[])
        settings.register(conf)
        settings.register(conf)
        return settings.read(conf)

    return configure


def test_without_a_file_the_defaults_hold():
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf([], project="os_ken", default_config_files=[])
    assert settings.read(conf) == Settings(
        rest_listen=Address("127.0.0.1", 8080),
        rest_socket=None,
        rest_socket_users=(),
        rest_private_key=None,
        rest_certificate=None,
        rest_client_ca=None,
        require_if_match=False,
        write_rate=50,
        write_burst=200,
        state_dir="/var/lib/ovswarden",
        uplinks=(),
        local_is_uplink=True,
        keep_foreign_flows=False,
        guard_ethertypes=(),
        max_switches=64,
        switches=(),
        ovsdb="",
        ovsdb_private_key=None,
        ovsdb_certificate=None,
        ovsdb_ca_cert=None,
        control_socket="",
        connections=100_000,
        new_connections_per_second=0,
        new_connections_burst=0,
        zone_rest=86_400,
        audit_interval=300,
        flow_limit=0,
        audit_days=90,
        audit_size=256,
        watch_interval=10,
        drop_samples=0,
        metrics_open=False,
        rest_connections=128,
        log_level="info",
        log_format="console",
    )


def test_settings_of_a_file_are_read(configure):
    text = """
        rest_listen = [2001:DB8:0::1]:443
        rest_socket = /run/ovswarden/api.sock
        state_dir = /srv/state
        uplinks = eth0, bond*,eth0
        local_is_uplink = no
        keep_foreign_flows = true
        guard_ethertypes = 0x88CC, 0x88e5,0x88cc
        max_switches = 3
        switches = 0x2AC3A1B2C3D4, 00:00:2a:c3:a1:b2:c3:d4, 1
        ovsdb = ssl:[2001:DB8:0::1]:6640
        ovsdb_private_key = /etc/ovs/key.pem
        ovsdb_certificate = /etc/ovs/cert.pem
        ovsdb_ca_cert = /etc/ovs/ca.pem
        control_socket = /run/openvswitch
        connections = 0
        new_connections_per_second = 500
        new_connections_burst = 1000
        zone_rest = 0
        audit_interval = 60
        log_level = debug
        log_format = json
    """
    read = configure("\n".join(line.strip() for line in text.splitlines()))
    assert read.rest_listen == Address("2001:db8::1", 443)
    assert str(read.rest_listen) == "[2001:db8::1]:443"
    assert (read.rest_socket, read.state_dir) == ("/run/ovswarden/api.sock", "/srv/state")
    assert read.uplinks == ("eth0", "bond*")
    assert read.guard_ethertypes == (0x88CC, 0x88E5)
    assert (read.local_is_uplink, read.keep_foreign_flows, read.max_switches) == (False, True, 3)
    assert (read.log_level, read.log_format) == ("debug", "json")
    assert read.switches == ("00002ac3a1b2c3d4", "0000000000000001")
    assert (read.ovsdb, read.control_socket) == ("ssl:[2001:db8::1]:6640", "/run/openvswitch")
    tls = (read.ovsdb_private_key, read.ovsdb_certificate, read.ovsdb_ca_cert)
    assert tls == ("/etc/ovs/key.pem", "/etc/ovs/cert.pem", "/etc/ovs/ca.pem")
    assert (read.connections, read.rate, read.zone_rest, read.audit_interval) == (0, (500, 1000), 0, 60)


@pytest.mark.parametrize("remote", ["", "unix:/run/openvswitch/db.sock", "tcp:127.0.0.1:6640", "tcp:[2001:db8::1]:1"])
def test_a_remote_that_is_canonical_stays_as_it_is(configure, remote):
    assert configure(f"ovsdb = {remote}").ovsdb == remote


def test_users_of_the_socket_are_named_or_numbered_and_nobody_is_one_unasked(configure):
    read = configure("rest_socket = /run/api.sock\nrest_socket_users = root, 1000,1000")
    assert read.rest_socket_users == (0, 1000)


def test_tls_for_the_api_takes_a_key_and_a_certificate(configure):
    read = configure("rest_private_key = /k.pem\nrest_certificate = /c.pem\nrest_client_ca = /ca.pem")
    assert (read.rest_private_key, read.rest_certificate, read.rest_client_ca) == ("/k.pem", "/c.pem", "/ca.pem")


def test_the_api_can_be_on_a_unix_socket_only(configure):
    assert configure("rest_listen =\nrest_socket = /run/api.sock").rest_listen is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("rest_listen = 127.0.0.1", "rest_listen = 127.0.0.1: the port is missing"),
        ("rest_listen = 127.0.0.1:http", "'http' is not a port"),
        ("rest_listen = 127.0.0.1:65536", "'65536' is not a port"),
        ("rest_listen = 127.0.0.1:²", "'²' is not a port"),
        ("rest_listen = 127.0.0:80", "'127.0.0' is not an IPv4 address"),
        ("rest_listen = ::1:8080", "stands in brackets"),
        ("rest_listen = [::g]:8080", "'::g' is not an IPv6 address"),
        ("rest_listen = http://x:80", "brackets"),
        ("rest_listen = :80", "'' is not a host"),
        ("rest_listen =", "rest_socket must be set"),
        ("rest_certificate = /c.pem", "rest_certificate = /c.pem: without rest_private_key it is of no use"),
        ("rest_private_key = /k.pem", "rest_private_key = /k.pem: without rest_certificate it is of no use"),
        ("rest_client_ca = /ca.pem", "rest_client_ca = /ca.pem: without rest_certificate it is of no use"),
        ("rest_client_ca = ca.pem", "'ca.pem' is not an absolute path"),
        ("rest_socket_users = 1000,1001", "rest_socket_users = 1000,1001: without rest_socket it is of no use"),
        ("rest_socket_users = no-such-user", "there is no user no-such-user"),
        ("write_burst = 0", "write_burst = 0: "),
        ("write_rate = fast", "write_rate = fast: "),
        ("rest_socket = api.sock", "rest_socket = api.sock: 'api.sock' is not an absolute path"),
        (f"rest_socket = /{'x' * 107}", "at most 107 bytes"),
        ("state_dir = state", "state_dir = state: 'state' is not an absolute path"),
        ("state_dir =", "'' is not an absolute path"),
        ("uplinks = eth0,a b", "'a b' is not the name of an interface"),
        ("uplinks = /dev/eth0", "uplinks = /dev/eth0: "),
        ("guard_ethertypes = lldp", "guard_ethertypes = lldp: 'lldp' is not a hexadecimal number like 0x88cc"),
        ("guard_ethertypes = 0x88cc,35020", "'35020' is not a hexadecimal number"),
        ("guard_ethertypes = 0x88_cc", "'0x88_cc' is not a hexadecimal number"),
        ("guard_ethertypes = 0x05ff", "0x05ff is a length, not an ethertype: those begin at 0x0600"),
        ("guard_ethertypes = 0x10000", "0x10000 is no ethertype: those end at 0xffff"),
        ("guard_ethertypes = 0x0800", "0x0800 is IPv4, which rules are for"),
        ("guard_ethertypes = 0x0806", "0x0806 is ARP, which the guard looks into"),
        ("guard_ethertypes = 0x88cc,0x86DD", "guard_ethertypes = 0x88cc,0x86DD: 0x86DD is IPv6, which rules are for"),
        ("guard_ethertypes = 0x8035", "0x8035 is RARP, which the guard looks into"),
        ("guard_ethertypes = 0x8100", "0x8100 is a VLAN tag: a sub-port is for tagged frames"),
        ("guard_ethertypes = 0x88a8", r"0x88a8 is a VLAN tag \(802.1ad\)"),
        ("local_is_uplink = maybe", "local_is_uplink = maybe: "),
        ("max_switches = 0", "max_switches = 0: Should be greater than or equal to 1"),
        ("max_switches = many", "max_switches = many: "),
        ("switches = br0", "switches = br0: '0000000000000br0' is not a datapath id"),
        ("switches = 1,2x", "switches = 1,2x: .*is not a datapath id"),
        ("ovsdb = /run/openvswitch/db.sock", "'/run/openvswitch/db.sock' is not a remote"),
        ("ovsdb = punix:/run/db.sock", "'punix:/run/db.sock' is not a remote"),
        ("ovsdb = unix:db.sock", "ovsdb = unix:db.sock: 'db.sock' is not an absolute path"),
        ("ovsdb = tcp:127.0.0.1", "'tcp:127.0.0.1' names no port"),
        ("ovsdb = tcp:127.0.0.1:0", "0 is not a port to connect to: 1 to 65535"),
        ("ovsdb = tcp:127.0.0.1:99999", "'99999' is not a port"),
        ("ovsdb = tcp:::1:6640", "stands in brackets"),
        ("ovsdb = tcp:[::g]:6640", "'::g' is not an IPv6 address"),
        ("ovsdb = tcp:localhost:6640", "'localhost' is a name; a remote has an address"),
        ("ovsdb = tcp:127.0.0.300:6640", "'127.0.0.300' is not an IPv4 address"),
        ("ovsdb = ssl:192.0.2.1:6640", "needs ovsdb_private_key, ovsdb_certificate, ovsdb_ca_cert"),
        ("ovsdb_private_key = /k", "/k: without ovsdb_certificate and ovsdb_ca_cert it is of no use"),
        ("ovsdb_certificate = c.pem", "ovsdb_certificate = c.pem: 'c.pem' is not an absolute path"),
        ("control_socket = run", "control_socket = run: 'run' is not an absolute path"),
        ("connections = -1", "connections = -1: Should be greater than or equal to 0"),
        ("connections = 4294967296", "connections = 4294967296: "),
        ("new_connections_per_second = 1000001", "new_connections_per_second = 1000001: "),
        ("new_connections_burst = 1.5", "new_connections_burst = 1.5: "),
        ("zone_rest = 1d", "zone_rest = 1d: "),
        ("audit_interval = 86401", "audit_interval = 86401: "),
        ("log_level = loud", r"log_level = loud: .*debug"),
        ("log_format = xml", r"log_format = xml: .*json"),
        ("uplink = eth0", r"uplink: no such option, did you mean uplinks\?"),
        ("rest-listen = [::]:80", r"rest-listen: no such option, did you mean rest_listen\?"),
        ("colour = red", "colour: no such option; there are rest_listen, "),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(configure, line, complaint):
    with pytest.raises(StartError, match=complaint) as wrong:
        configure(line)
    assert "\n" not in wrong.value.exit_message
    assert "[ovswarden]" in wrong.value.exit_message


def test_a_misspelt_section_is_noticed(configure):
    with pytest.raises(StartError, match=r"\[ovswardn\]: no such section, did you mean \[ovswarden\]\?"):
        configure("uplinks = eth0", section="[ovswardn]\n")


def test_an_option_of_ours_among_those_of_os_ken_is_noticed(configure):
    with pytest.raises(StartError, match=r"\[DEFAULT\] uplinks: this option belongs into section \[ovswarden\]"):
        configure("uplinks = eth0", section="[DEFAULT]\n")


def test_other_peoples_sections_are_none_of_our_business(configure):
    assert configure("uplinks = x\nanything = else", section="[neutron]\n").uplinks == ()


def test_a_config_directory_is_checked_too(tmp_path):
    (tmp_path / "10-uplinks.conf").write_text("[ovswarden]\nuplnks = eth0\n")
    conf = cfg.ConfigOpts()
    conf(["--config-dir", str(tmp_path)], project="os_ken", default_config_files=[])
    settings.register(conf)
    with pytest.raises(StartError, match=r"10-uplinks\.conf: .*did you mean uplinks"):
        settings.read(conf)


def test_every_option_says_what_it_is_for():
    for option in settings.OPTIONS:
        assert len(option.help) > 20, option.name


def test_the_sample_file_is_up_to_date(tmp_path):
    made = tmp_path / "sample"
    command = [sys.executable, "-c", "from oslo_config.generator import main; main()"]
    command += ["--namespace", "ovswarden", "--wrap-width", "100", "--output-file", str(made)]
    subprocess.run(command, check=True)
    assert SAMPLE.read_text() == made.read_text(), f"stale; make it again: {' '.join(command[3:-1])} {SAMPLE}"


def test_the_sample_file_changes_nothing(configure, tmp_path):
    assert configure(SAMPLE.read_text(), section="") == configure("")
