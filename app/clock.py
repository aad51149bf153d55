"""The time of day, as the API and the store write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utc_now(ahead: float = 0.0) -> str:
    """RFC 3339 in UTC with milliseconds, `ahead` seconds from now."""
    moment = datetime.now(UTC) + timedelta(seconds=ahead)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
