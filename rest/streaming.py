"""Events as a stream (server-sent events, HTML Living Standard, section 9.2): resumed by id, pinged, never ahead of a
slow client by more than a queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache

from app.service import Following, Happened, Overflow
from rest.views.pretty import compact

PING = 15.0  # seconds
RETRY_MS = 2000  # after which a browser comes back
AT_ONCE = 50  # events in one chunk
EVENT_STREAM = "text/event-stream"


class EventStream:
    """What one client is sent. It begins with `retry` and the id of its place, so that who is cut off before the first
    event has one to resume from; a ping brings the place along, which goes on also past events that are for others.

    `may_go_on` is asked at each ping: a token may have been revoked. `pause` lets everybody else run.
    """

    def __init__(
        self,
        following: Following,
        is_reset: bool,
        may_go_on: Callable[[], bool] = lambda: True,
        pause: Callable[[], None] = lambda: None,
        ping: float = PING,
    ) -> None:
        self._following, self._may_go_on = following, may_go_on
        self._pause, self._ping = pause, ping
        self._ready: deque[bytes] = deque()
        self._is_over = False
        first = f"retry: {RETRY_MS}\nid: {following.place}\n\n"
        if is_reset:
            first += f"event: reset\nid: {following.place}\ndata: {compact({'last': following.place})}\n\n"
        self._ready.append(first.encode())

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._ready:
            if self._is_over:
                raise StopIteration
            self._fill()
        else:
            self._pause()
        return self._ready.popleft()

    def close(self) -> None:
        """Make room for others. Twice does no harm."""
        self._is_over = True
        self._ready.clear()
        self._following.close()

    def _fill(self) -> None:
        """Wait for something to send, at most until the next ping is due."""
        place = self._following.place
        try:
            events = self._following.take(self._ping)
        except Overflow:
            # Without an id: the client's own place, from which it resumes, stays what it has been sent.
            self._ready.append(f"event: overflow\ndata: {compact({'last': place})}\n\n".encode())
            self._is_over = True
            return
        if self._following.is_over or not self._may_go_on():
            self._is_over = True
            self._ready.append(b": bye\n\n")
            return
        for start in range(0, len(events), AT_ONCE):
            self._ready.append(b"".join(_message(event) for event in events[start : start + AT_ONCE]))
        if not events:
            self._ready.append(f": ping\nid: {self._following.place}\n\n".encode())


@lru_cache(maxsize=1024)
def _message(event: Happened) -> bytes:
    """Made once for all clients."""
    data = compact({"time": event.time, **event.data})
    return f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")
