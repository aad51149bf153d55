"""Listening sockets: a TCP address, and a unix socket."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from ipaddress import ip_address
from typing import Any

from eventlet.green import socket

BACKLOG = 128


class ListenError(Exception):
    """The address cannot be listened on. `exit_message` is the one line for the operator."""

    def __init__(self, exit_message: str) -> None:
        super().__init__(exit_message)
        self.exit_message = exit_message


def tcp_listener(host: str, port: int) -> Any:
    """A listening socket on an address or a host name. `ListenError` says why not."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family)
    except OSError as error:
        raise _refused(f"rest_listen = {host}:{port}", error) from None
    try:
        # Not SO_REUSEPORT, eventlet's default: a second process would take every other connection, unnoticed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(f"rest_listen = {host}:{port}", error) from None
    return listener


def unix_listener(path: str, mode: int = 0o600) -> Any:
    """A listening unix socket, for its owner only unless `mode` says otherwise. A socket left over by a dead process is
    replaced."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        _clear_away(path)
        # The mode is right from the first moment: no other thread runs between these calls.
        umask = os.umask(0o777 & ~mode)
        try:
            listener.bind(path)
        finally:
            os.umask(umask)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(f"rest_socket = {path}", error) from None
    return listener


def _clear_away(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path, follow_symlinks=False).st_mode):
            raise OSError(errno.EEXIST, "exists and is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise OSError(errno.EADDRINUSE, "another process listens there")


def forget(listener: Any) -> None:
    """Close; a unix socket's path goes too, if it is still this one's."""
    path = listener.getsockname()
    listener.close()
    if isinstance(path, str) and path:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def is_loopback(host: str) -> bool:
    """Does nobody but this machine reach the address?"""
    return ip_address(host.partition("%")[0]).is_loopback


def _refused(what: str, error: OSError) -> ListenError:
    return ListenError(f"{what}: {error.strerror or error}")
