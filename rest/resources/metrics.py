"""/metrics: for Prometheus and whatever reads its format."""

from __future__ import annotations

from rest.exchange import Answer, Asking, Call

TEXT = "text/plain"
OPENMETRICS = "application/openmetrics-text"
TYPES = {
    TEXT: "text/plain; version=0.0.4; charset=utf-8",
    OPENMETRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
# What a scraper may name them by.
MEDIA = (TEXT, f"{TEXT}; version=0.0.4", OPENMETRICS, f"{OPENMETRICS}; version=1.0.0")


def get(call: Call) -> Asking:
    """All metrics of this process, as Prometheus text or OpenMetrics."""
    media = call.media.partition(";")[0]
    ask = call.firewall.metrics
    return Asking(lambda: ask(media == OPENMETRICS), lambda told: Answer(200, told, content_type=TYPES[media]))
