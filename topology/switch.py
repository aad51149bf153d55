"""A private Open vSwitch on the userspace datapath; its database, sockets and logs in one directory."""

from __future__ import annotations

import contextlib
import os
import signal as signals
import subprocess
import time
from pathlib import Path
from types import TracebackType

from topology import ovsdb
from topology.processes import alive, links, vswitchds

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
PROTOCOLS = "OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15"
NETDEV_TAP = "ovs-netdev"  # the tap every userspace datapath puts into its network namespace; two cannot coexist


class SwitchError(RuntimeError):
    """Open vSwitch is missing, refused a command, or cannot run here. The message names the command."""


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd of our own, in the current network namespace.

        with OpenVSwitch(directory) as ovs:
            ovs.add_bridge("br0", controller="tcp:127.0.0.1:6653")

    `directory` must exist, be private to this switch, and be short enough for unix sockets (about 80 bytes).
    The database survives `restart()` and a killed vswitchd, so bridges and ports come back as Open vSwitch
    does it. Leaving the context ends both daemons; the directory is left to its owner.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).resolve()
        self._bridges: list[str] = []
        self._environment = os.environ | {
            variable: str(self.directory) for variable in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")
        }

    @property
    def database(self) -> str:
        """The OVSDB remote, e.g. for a controller's option: `unix:/.../db.sock`."""
        return f"unix:{self.directory}/db.sock"

    @property
    def unixctl(self) -> Path:
        """The socket that `ovs-appctl -t` of the vswitchd talks to."""
        return self.directory / "vswitchd.ctl"

    def __enter__(self) -> OpenVSwitch:
        try:
            self._refuse_neighbours()
            self._run("ovsdb-tool", "create", str(self.directory / "conf.db"), str(SCHEMA))
            self.start_database()
            self.vsctl("--no-wait", "init")
            self.start_vswitchd()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- commands --------------------------------------------------------------------------------------------

    def vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl on our database and give its output. Raises SwitchError."""
        return self._run("ovs-vsctl", f"--db={self.database}", "--timeout=60", *arguments)

    def ofctl(self, *arguments: str, bridge: str = "br0", stdin: str | None = None) -> str:
        """Run `ovs-ofctl -O OpenFlow14 COMMAND BRIDGE ...`; the bridge's socket goes in after the command.

        `ofctl("add-flow", "actions=NORMAL")`; options come first: `ofctl("--bundle", "add-flows", "-",
        stdin=text)`.
        """
        command = next(i for i, argument in enumerate(arguments) if not argument.startswith("-"))
        before, after = arguments[: command + 1], arguments[command + 1 :]
        return self._run(
            "ovs-ofctl", "-O", "OpenFlow14", *before, f"unix:{self.management(bridge)}", *after, stdin=stdin
        )

    def appctl(self, *arguments: str) -> str:
        """Run ovs-appctl on our vswitchd, e.g. `appctl("dpctl/dump-flows")`. Raises SwitchError."""
        return self._run("ovs-appctl", "-t", str(self.unixctl), *arguments)

    def program(self, flows: str, bridge: str = "br0") -> None:
        """Make the bridge's flows exactly those of the text (one a line), atomically, and `settle`."""
        self.ofctl("--bundle", "replace-flows", "-", bridge=bridge, stdin=flows)
        self.settle()

    def settle(self) -> None:
        """Make the datapath follow the flow tables now.

        Open vSwitch revalidates its cached datapath flows in the background, so for some milliseconds (half a second
        on a busy machine) after a flow change packets still go the old way. Not for measuring how fast a change acts.
        """
        self.appctl("revalidator/purge")

    def management(self, bridge: str) -> Path:
        """The bridge's OpenFlow management socket."""
        return self.directory / f"{bridge}.mgmt"

    # -- bridges and ports -----------------------------------------------------------------------------------

    def add_bridge(
        self, name: str, dpid: int | None = None, controller: str | None = None, fail_mode: str = "secure"
    ) -> None:
        """Create a bridge on the userspace datapath. `dpid` is 64 bit; None lets Open vSwitch choose."""
        settings = [
            "datapath_type=netdev", f"fail_mode={fail_mode}", f"protocols={PROTOCOLS}",
            # hidden in-band flows would let packets past the controller's pipeline
            "other_config:disable-in-band=true",
        ]  # fmt: skip
        if dpid is not None:
            settings.append(f"other_config:datapath-id={dpid:016x}")
        self._bridges.append(name)
        self.vsctl("add-br", name, "--", "set", "bridge", name, *settings)
        if controller is not None:
            self.set_controller(name, controller)

    def set_controller(self, bridge: str, controller: str) -> None:
        """Point the bridge at a controller; a change wipes its flows, groups and meters."""
        # one second instead of eight: a lab's controller is often (re)started later than the bridge
        self.vsctl(
            "set-controller", bridge, controller,
            "--", "set", "controller", bridge, "max_backoff=1000", "inactivity_probe=5000",
        )  # fmt: skip

    def add_port(self, bridge: str, interface: str, ofport: int | None = None, iface_id: str = "") -> int:
        """Attach a network interface that exists; give its ofport. Raises SwitchError."""
        settings = [] if ofport is None else [f"ofport_request={ofport}"]
        settings += [f"external_ids:iface-id={iface_id}"] if iface_id else []
        extra = ["--", "set", "interface", interface, *settings] if settings else []
        self.vsctl("add-port", bridge, interface, *extra)
        return self.ofport(interface)

    def ofport(self, interface: str) -> int:
        """The interface's OpenFlow port number. Raises SwitchError when the switch could not open it."""
        number, error = self.vsctl("get", "interface", interface, "ofport", "error").split("\n")[:2]
        if not number.isdecimal():
            raise SwitchError(f"interface {interface} has no ofport: {error}")
        return int(number)

    def del_port(self, bridge: str, interface: str) -> None:
        """Detach an interface; one that is not attached is no error."""
        self.vsctl("--if-exists", "del-port", bridge, interface)

    def add_many_ports(self, bridge: str, count: int, prefix: str, first_ofport: int = 1000) -> dict[str, int]:
        """Add `count` cheap ports PREFIX0, PREFIX1... and give their ofports, `first_ofport` upwards.

        They are patch ports without a peer: real to OpenFlow (port description, port status, link up),
        carrying no packets. One OVSDB transaction, written directly: ten thousand take a second, by ovs-vsctl
        over two minutes.
        """
        ofports = {f"{prefix}{index}": first_ofport + index for index in range(count)}
        try:
            ovsdb.add_ports(self.directory / "db.sock", bridge, ofports)
        except (ovsdb.OvsdbError, OSError) as error:
            raise SwitchError(f"adding {count} ports to {bridge}: {error}") from error
        self.vsctl("set", "open_vswitch", ".", "external_ids:settled=yes")  # returns once vswitchd has caught up
        return ofports

    # -- daemons ---------------------------------------------------------------------------------------------

    def pid(self, daemon: str) -> int | None:
        """Process id of `ovs-vswitchd` or `ovsdb-server` while it lives."""
        try:
            pid = int((self.directory / f"{daemon}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if alive(pid) else None

    def start_vswitchd(self) -> None:
        """Start ovs-vswitchd and wait until it has read the database. Raises SwitchError."""
        self._daemon("ovs-vswitchd", self.database, f"--unixctl={self.unixctl}")

    def kill_vswitchd(self, signal: int = signals.SIGKILL) -> None:
        """Send ovs-vswitchd a signal and wait until it is gone (5 s, then SwitchError)."""
        self._end("ovs-vswitchd", signal)

    def restart(self) -> None:
        """Stop ovs-vswitchd politely and start it: flows and connections are lost, the database is not."""
        self.kill_vswitchd(signals.SIGTERM)
        self.start_vswitchd()

    def stop(self) -> None:
        """End both daemons and remove their taps. Never raises because something is gone already."""
        # only this exit removes the taps: a signalled vswitchd keeps them for its successor
        if self.pid("ovs-vswitchd"):
            with contextlib.suppress(SwitchError):
                self.appctl("--timeout=3", "exit", "--cleanup")
        self._end_all()
        for tap in (NETDEV_TAP, *self._bridges):
            if tap in links():
                subprocess.run(["ip", "link", "delete", tap], capture_output=True)

    def _end_all(self) -> None:
        for daemon in ("ovs-vswitchd", "ovsdb-server"):
            try:
                self._end(daemon, signals.SIGTERM)
            except SwitchError:
                self._end(daemon, signals.SIGKILL)

    def start_database(self) -> None:
        """Start ovsdb-server on the database that is there."""
        sockets = [f"--remote=punix:{self.directory}/db.sock", f"--unixctl={self.directory}/ovsdb.ctl"]
        self._daemon("ovsdb-server", str(self.directory / "conf.db"), *sockets)

    def _daemon(self, daemon: str, *arguments: str) -> None:
        options = ["--no-chdir", "--detach", f"--pidfile={self.directory}/{daemon}.pid"]
        log = f"--log-file={self.directory}/{daemon}.log"
        self._run(daemon, *arguments, *options, log, "-vconsole:emer")

    def _end(self, daemon: str, signal: int) -> None:
        pid = self.pid(daemon)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal)
        deadline = time.monotonic() + 5
        while alive(pid):
            if time.monotonic() > deadline:
                raise SwitchError(f"{daemon} (pid {pid}) survived signal {signal} for 5 s")
            time.sleep(0.01)

    def _refuse_neighbours(self) -> None:
        if NETDEV_TAP in links() and (pids := vswitchds()):
            raise SwitchError(
                "another ovs-vswitchd already runs a userspace datapath in this network namespace "
                f"({NETDEV_TAP}, pid {pids}); give the lab one of its own: "
                "unshare --net -- sh -c 'ip link set lo up; exec ...'"
            )

    def _run(self, *command: str, stdin: str | None = None) -> str:
        try:
            done = subprocess.run(
                command, env=self._environment, input=stdin, capture_output=True, text=True, timeout=120
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise SwitchError(f"{command[0]}: {error}") from error
        if done.returncode:
            raise SwitchError(f"{' '.join(command)[:300]}: {done.stderr.strip()[:2000]}")
        return done.stdout
