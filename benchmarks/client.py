"""REST clients that keep their connection, alone or many at once."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any


class Overloaded(RuntimeError):
    """503: too much is being asked at once."""


class Client:
    """One kept connection. `ask` gives the parsed answer; anything but a success raises RuntimeError."""

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=120)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if not 200 <= answer.status < 300:
            refused = Overloaded if answer.status == 503 else RuntimeError
            raise refused(f"{method} {path}: {answer.status} {content.decode()}")
        return json.loads(content) if content else None

    def timed(self, method: str, path: str, body: Any = None) -> float:
        """Seconds from request to answer."""
        start = time.perf_counter()
        self.ask(method, path, body)
        return time.perf_counter() - start

    def close(self) -> None:
        self._connection.close()


def put_all(address: tuple[str, int], token: str, puts: Sequence[tuple[str, Any]], clients: int = 16) -> float:
    """PUT every (path, body) by as many clients at once; the seconds it took. Raises the first that failed."""
    todo, failed = iter(puts), list[Exception]()
    lock = threading.Lock()

    def work() -> None:
        client = Client(address, token)
        try:
            while (each := _next(todo, lock)) is not None and not failed:
                client.ask("PUT", *each)
        except Exception as error:
            failed.append(error)
        finally:
            client.close()

    start = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return time.perf_counter() - start


def _next(todo: Iterable[Any], lock: threading.Lock) -> Any:
    with lock:
        return next(iter(todo), None)
