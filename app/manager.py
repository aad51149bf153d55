"""`osken-manager`: runs os-ken applications, as os-ken itself did before version 4, and stops them cleanly.

    osken-manager [options] app/stateful_fw.py

Exit status: 0 after SIGTERM or SIGINT, 1 when the program could not start or stopped by itself, 2 for a wrong option or
configuration. Every one of these but a bug is told in one line on stderr.
"""

from __future__ import annotations

import os

os.environ["OSKEN_HUB_TYPE"] = "eventlet"  # before os-ken is imported: its native hub never reports a disconnect
import warnings

warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()  # before anything else is imported: locks made earlier would stay unpatched

import contextlib  # noqa: E402
import io  # noqa: E402
import logging  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from importlib.metadata import version  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from os_ken import cfg, log  # noqa: E402
from os_ken.base.app_manager import AppManager  # noqa: E402
from os_ken.controller import controller  # noqa: E402, F401 - registers the OpenFlow options
from os_ken.lib import hub  # noqa: E402
from oslo_config.cfg import Error as ConfigError  # noqa: E402

from app.errors import StartError  # noqa: E402

CONF = cfg.CONF
PROGRAM = "osken-manager"
CONFIG_FILES = ("/usr/local/etc/os_ken/os_ken.conf",)  # where os-ken's manager looked
OPENFLOW = "os_ken.controller.ofp_handler"
FILES = 65536  # file descriptors, when the hard limit allows that many
# oslo.config names the place of a wrong value by its object
OSLO_PREFIX = re.compile(r"^Value for option (\S+) from LocationInfo\(.*?, detail='(.*?)'\) is not valid: ")
CLOSING = 4  # seconds for the apps to close, before they are left behind
OPTIONS = (
    cfg.ListOpt("app-lists", default=[], help="applications to run: files or modules"),
    cfg.MultiStrOpt("app", positional=True, default=[], help="applications to run: files or modules"),
    cfg.StrOpt("pid-file", help="file to write the process id to"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal arrives or an application's service ends. Gives the exit status."""
    try:
        _configure(sys.argv[1:] if arguments is None else arguments)
        log.init_log()
        # what it loads is known; whoever reads why a start failed should read nothing else
        logging.getLogger("os_ken.base.app_manager").setLevel(logging.WARNING)
        _raise_file_limit()
        waker = Waker()
        manager = AppManager.get_instance()
        services = _start(manager)
    except ConfigError as error:
        return _complain(_one_line(error), 2)
    except Exception as error:
        message = getattr(error, "exit_message", None)
        if message is None:  # a bug, ours or the application's: the whole story is wanted
            traceback.print_exc()
            message = f"could not start: {_one_line(error)}"
        return _complain(message, 1)
    stopped = waker.wait(services)
    _close(manager)
    return 0 if stopped else _complain("a service of the application ended", 1)


def _configure(arguments: Sequence[str]) -> None:
    """Parse the options of os-ken and its configuration files. Raises ConfigError with what argparse has to say."""
    CONF.register_cli_opts(OPTIONS)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            CONF(
                args=arguments,
                prog=PROGRAM,
                project="os_ken",
                version=f"{PROGRAM} of os-ken {version('os-ken')}",
                default_config_files=[path for path in CONFIG_FILES if Path(path).exists()],
            )
    except SystemExit as leaving:
        if leaving.code in (0, None):  # --help and --version
            raise
        last = said.getvalue().strip().rpartition("\n")[2]
        raise ConfigError(last.partition("error: ")[2] or last) from leaving


def _start(manager: AppManager) -> list[Any]:
    """Load, connect and start the applications, and whatever they depend on. Gives the greenlets of their services."""
    names = [*CONF.app_lists, *CONF.app] or [OPENFLOW]
    for name in names:
        if name.endswith(".py") and not Path(name).is_file():
            raise StartError(f"no such application: {name}")
    manager.load_apps(names)
    missing = [name for name in names if name not in manager.applications_cls]
    if missing:
        raise StartError(f"no os-ken application is defined in {', '.join(missing)}")
    _check_options()
    contexts = manager.create_contexts()
    services: list[Any] = manager.instantiate_apps(**contexts)
    if CONF.pid_file:
        Path(CONF.pid_file).write_text(f"{os.getpid()}\n")
    return services


def _raise_file_limit() -> None:
    """A connection is a file, and the usual limit of 1024 is a default rather than a decision."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, FILES)), hard))


def _check_options() -> None:
    """Raises ConfigError for a wrong value in a file, which oslo.config would only notice when it is used."""
    for value in dict(CONF).values():
        if isinstance(value, CONF.GroupAttr):
            dict(value)


class Waker:
    """Waits for a signal or the end of a service.

    A signal handler alone would not do: Python restarts the poll that eventlet sleeps in, so nobody would notice before
    the next timer. The byte that `set_wakeup_fd` writes wakes the poll itself.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        for each in self.SIGNALS:
            signal.signal(each, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def wait(self, services: Sequence[Any]) -> bool:
        """True when a signal came, False when a service ended."""
        for service in services:
            service.link(lambda _: self._writer.send(b"\0"))
        while received := self._reader.recv(64):
            if any(number in received for number in self.SIGNALS):
                return True
            if 0 in received:
                return False
        return False


def _close(manager: AppManager) -> None:
    """Close the applications. One that waits or computes for too long is left behind."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(CLOSING + 1)  # kills us when an application does not even give way to the time-out below
    with hub.Timeout(CLOSING, False):
        manager.close()
        return
    logging.getLogger(__name__).error("the applications did not close within %d s", CLOSING)
    logging.shutdown()
    os._exit(1)


def _complain(message: str, status: int) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return status


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return OSLO_PREFIX.sub(r"\2: \1: ", text)


if __name__ == "__main__":
    sys.exit(main())
