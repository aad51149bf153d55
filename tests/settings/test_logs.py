"""One format for everybody's log lines, and no secret in any of them."""

import io
import json
import logging

import pytest
import structlog

from app.logs import redact, set_up

TOKEN = "ow_h1bT-0123456789_abcdefghijklmnopqrstuvwxyzABC"


@pytest.fixture
def lines():
    """The lines logged since `set_up`, which puts everything back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    streams = []

    def begin(level="info", format="json"):
        streams.append(io.StringIO())
        set_up(level, format, streams[-1])
        return lambda: streams[-1].getvalue().splitlines()

    yield begin
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_ours_and_os_kens_lines_are_json_alike(lines):
    read = lines()
    structlog.get_logger("app.controller").info("pushed", switch="br-0", flow_mods=3)
    logging.getLogger("os_ken.base").warning("connected %s", "socket")
    ours, theirs = (json.loads(line) for line in read())
    assert ours.pop("timestamp").endswith("Z")
    assert theirs.pop("timestamp").endswith("Z")
    assert ours == {"message": "pushed", "switch": "br-0", "flow_mods": 3, "level": "info", "logger": "app.controller"}
    assert theirs == {"message": "connected socket", "level": "warning", "logger": "os_ken.base"}


def test_a_traceback_is_one_json_line(lines):
    read = lines()
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logging.getLogger("hub").exception("failed")
    (line,) = read()
    assert "ValueError: ow_***" in json.loads(line)["exception"]


def test_console_lines_are_for_people(lines):
    read = lines(format="console")
    structlog.get_logger("app").info("pushed", switch="br-0")
    logging.getLogger("os_ken").error("gone")
    assert "pushed" in read()[0]
    assert "switch=br-0" in read()[0]
    assert "\x1b" not in "".join(read())
    assert "gone" in read()[1]


@pytest.mark.parametrize("format", ["json", "console"])
def test_the_level_counts_for_all(lines, format):
    read = lines("warning", format)
    for logger in (structlog.get_logger("app"), logging.getLogger("os_ken")):
        logger.info("no")
        logger.warning("yes")
    assert len(read()) == 2


def test_handlers_that_were_there_are_replaced(lines):
    other = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(other))
    read = lines()
    logging.getLogger("x").info("once")
    assert len(read()) == 1
    assert other.getvalue() == ""


@pytest.mark.parametrize(
    "text",
    [
        f"token {TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        "Authorization: Bearer c2VjcmV0LXNlY3JldA==",
        "authorization: Basic c2VjcmV0LXNlY3JldA==",
        "authorization=c2VjcmV0LXNlY3JldA==",
        "{'Authorization': 'Bearer c2VjcmV0LXNlY3JldA=='}",
        '{"authorization": "c2VjcmV0LXNlY3JldA=="}',
        "('Authorization', 'Bearer c2VjcmV0LXNlY3JldA==')",
        "HTTP_AUTHORIZATION=Bearer c2VjcmV0LXNlY3JldA==",
        "{'HTTP_AUTHORIZATION': 'c2VjcmV0LXNlY3JldA=='}",
        "sent bearer c2VjcmV0LXNlY3JldA==",
    ],
)
@pytest.mark.parametrize("format", ["json", "console"])
def test_no_secret_is_logged(lines, text, format):
    read = lines(format=format)
    structlog.get_logger("app").info("request", headers=text)
    logging.getLogger("wsgi").info(text)
    structlog.get_logger("app").info("request", headers=[text])
    written = "\n".join(read())
    assert written.count("***") >= 3
    assert TOKEN[3:] not in written
    assert "c2VjcmV0" not in written


def test_a_header_as_bound_context_is_not_logged(lines):
    for format in ("json", "console"):
        read = lines(format=format)
        structlog.get_logger("app").info("request", authorization="Bearer c2VjcmV0LXNlY3JldA==")
        assert "c2VjcmV0" not in read()[0]


def test_a_redacted_json_line_is_still_json(lines):
    read = lines()
    structlog.get_logger("app").info("request", headers={"Authorization": f"Bearer {TOKEN}"}, n=1)
    logged = json.loads(read()[0])
    assert (logged["headers"], logged["n"]) == ({"Authorization": "Bearer ***"}, 1)


def test_harmless_lines_stay_as_they_are():
    for line in ("the bearer of news", "allow_all", "show_flows ow_", "authorization failed for acme"):
        assert redact(line) == line
