"""/problems: what each error code means and what to do about it, for people and for programs. Nobody needs a token."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

from app.core.problems import NotFound
from rest.exchange import Answer, Call
from rest.problem_help import HELP
from rest.problems import TITLES
from rest.resources.ui import SAFE
from ui import assets

TEXT, HTML, JSON = "text/plain", "text/html", "application/json"
MEDIA = (TEXT, HTML, JSON)
PAGE = "problem.html"
Document = dict[str, Any]


def list_all(call: Call) -> Answer:
    """Every error code with its cause and its fix."""
    items = [document(code) for code in sorted(HELP)]
    if call.media == JSON:
        return Answer(200, {"items": items})
    if call.media == HTML:
        rows = (
            f'<li><a href="problems/{i["code"]}"><code>{i["code"]}</code></a> {escape(i["cause"])}</li>' for i in items
        )
        return _page("Problems", f"<h1>Problems</h1><ul class=problems>{''.join(rows)}</ul>", "")
    width = max(map(len, HELP))
    return Answer(200, "".join(f"{i['code']:<{width}}  {i['status']}  {i['cause']}\n" for i in items))


def get(call: Call) -> Answer:
    """What an error code means, what to do, and a command that does it."""
    code = call.params["code"]
    if code not in HELP:
        raise NotFound("problem", code[:64])
    told = document(code)
    if call.media == JSON:
        return Answer(200, told)
    if call.media == HTML:
        return _page(code, _article(told), "../")
    return Answer(200, _text(told))


def document(code: str) -> Document:
    """One code as JSON."""
    said = HELP[code]
    status = said.statuses[0]
    title = TITLES.get(status) or HTTPStatus(status).phrase
    words = {"cause": said.cause, "fix": said.fix, "example": said.example}
    return {"code": code, "status": status, "title": title, **words}


def _text(told: Document) -> str:
    head = f"{told['code']}  {told['status']} {told['title']}\n"
    return f"{head}\n{told['cause']}\n\n{told['fix']}\n\n$ {told['example']}\n"


def _article(told: Document) -> str:
    said = {name: _words(text) for name, text in told.items() if isinstance(text, str)}
    return (
        f"<h1><code>{said['code']}</code> {told['status']} {said['title']}</h1>"
        f"<h2>Why</h2><p>{said['cause']}</p><h2>What to do</h2><p>{said['fix']}</p>"
        f"<pre>{escape(told['example'])}</pre>"
        '<p class="muted"><code>$OW</code> is the address of the API, <code>$T</code> the header '
        "<code>Authorization: Bearer ow_...</code>.</p>"
        '<p><a href="../problems">All problems</a></p>'
    )


def _words(text: str) -> str:
    """As HTML; what stands in backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _page(title: str, body: str, up: str) -> Answer:
    """`up` leads from the page to the root, behind whatever prefix it is served."""
    made = assets().pages[PAGE].content.decode()
    for name, text in (("@title@", escape(title)), ("@up@", up), ("@body@", body)):
        made = made.replace(name, text)
    return Answer(200, made.encode(), {**SAFE, "Cache-Control": "no-cache"}, f"{HTML}; charset=utf-8")
