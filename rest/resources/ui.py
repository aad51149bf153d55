"""/ui: the dashboard's files. They say nothing of anybody, so nobody needs a token for them; what they ask for does."""

from __future__ import annotations

from app.core.problems import NotFound
from rest.exchange import Answer, Call
from ui import Asset, assets

# Nothing from elsewhere, nothing inline, nobody's frame: what is shown cannot make the page do anything.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
SAFE = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
MEDIA = ("text/javascript", "text/css", "image/svg+xml", "text/plain")  # of the files, whatever is asked for
FOR_EVER = "public, max-age=31536000, immutable"  # the path changes with the content


def redirect(call: Call) -> Answer:
    """The page's own path ends in a slash, so that what it names is found from behind any proxy's prefix."""
    return Answer(308, None, {**SAFE, "Location": "ui/", "Cache-Control": "no-cache"})


def page(call: Call) -> Answer:
    """The dashboard, a single page."""
    return shown(call, assets().page, "no-cache")


def file(call: Call) -> Answer:
    """One file that the page loads."""
    name = f"{call.params['version']}/{call.params['name']}"
    asset = assets().files.get(name)
    if asset is None:
        raise NotFound("file", name[:128])
    return shown(call, asset, FOR_EVER)


def shown(call: Call, asset: Asset, caching: str) -> Answer:
    """A file, unless the client has it already; with what keeps a page to itself."""
    headers = {**SAFE, "ETag": asset.etag, "Cache-Control": caching}
    if known(call, asset.etag):
        return Answer(304, None, headers)
    return Answer(200, asset.content, headers, asset.media)


def known(call: Call, etag: str) -> bool:
    """Does the client have it already?"""
    tags = [tag.strip().removeprefix("W/") for tag in call.headers.get("If-None-Match", "").split(",")]
    return etag in tags or "*" in tags
