"""Log lines: ours, os-ken's and eventlet's in one format on standard error, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

import structlog

# Done by both ways in: structlog's loggers and those of the standard library.
SHARED: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.UnicodeDecoder(),
)
TOKEN = re.compile(r"\bow_[A-Za-z0-9_-]{4,}")
# The header, however it is written out: a line, a pair, a member of a dict or of JSON; and its credentials
# alone.
HEADER = re.compile(
    r"""(?i)(authorization["'\\]*\s*[:=,]\W{0,8}(?:(?:bearer|basic|digest|token)\s+)?)[^\s"'\\,;})\]]+"""
)
CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")


def redact(line: str) -> str:
    """The line without API tokens and Authorization headers."""
    line = TOKEN.sub("ow_***", line)
    line = HEADER.sub(r"\1***", line)
    return CREDENTIALS.sub(r"\1 ***", line)


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line, so that tracebacks and other people's messages are covered as well."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def set_up(level: str, format: str, stream: TextIO | None = None) -> None:
    """Send everything that is logged from now on to `stream` (standard error), as "json" or "console" lines.

    Replaces the handlers that os-ken has put in place. Can be called again to change its mind.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _formatter(format: str) -> Formatter:
    if format == "json":
        last: list[Any] = [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False, default=repr),
        ]
    else:
        # No colours: the lines go to a journal or a file, and escapes would hide what is to be redacted.
        last = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    return Formatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        foreign_pre_chain=SHARED,
    )
