"""Where the API is, and what lets one in: pure."""

from __future__ import annotations

from pathlib import Path

import pytest

import cli.places
from cli.places import SOCKET, URL, Place, PlaceError, find


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No controller runs on this machine, nor has one."""
    monkeypatch.setattr(cli.places, "SOCKET", tmp_path / "no.sock")
    monkeypatch.setattr(cli.places, "TOKEN", tmp_path / "admin.token")
    return tmp_path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "ovswarden.toml"
    path.write_text(
        'context = "lab"\n[contexts.lab]\nsocket = "/lab.sock"\ntenant = "red"\n'
        '[contexts.prod]\nurl = "https://prod.example"\ntoken = "ow_prod"\nca = "ca.pem"\n'
    )
    return {"OVSWARDEN_CONFIG": str(path)}


def test_without_a_word_it_is_the_usual_address() -> None:
    assert find(Place(), environment={}) == Place(url=URL)
    assert Path("/run/ovswarden/api.sock") == SOCKET


def test_a_socket_of_this_machine_is_taken_by_who_may_open_it(nothing_here: Path) -> None:
    (nothing_here / "no.sock").touch()
    assert find(Place(), environment={}).socket == str(nothing_here / "no.sock")


def test_options_are_before_the_environment_and_that_before_contexts(environment: dict[str, str]) -> None:
    assert find(Place(), environment=environment) == Place(socket="/lab.sock", tenant="red")
    assert find(Place(), "prod", environment).ca == "ca.pem"
    said = environment | {"OVSWARDEN_URL": "http://a", "OVSWARDEN_TENANT": "blue"}
    assert find(Place(), environment=said) == Place(url="http://a", tenant="blue")
    assert find(Place(url="http://b", tenant="green"), environment=said) == Place(url="http://b", tenant="green")
    assert find(Place(), environment=environment | {"OVSWARDEN_CONTEXT": "prod"}).token == "ow_prod"


def test_a_secret_of_a_context_does_not_follow_to_another_address(environment: dict[str, str]) -> None:
    elsewhere = find(Place(url="https://evil.example"), "prod", environment)
    assert (elsewhere.token, elsewhere.certificate) == (None, None)


def test_this_machines_token_is_for_this_machine(nothing_here: Path) -> None:
    (nothing_here / "admin.token").write_text("ow_mine\n")
    for url in ("http://127.0.0.1:8080", "http://[::1]:80", "https://localhost"):
        assert find(Place(url=url), environment={}).secret() == "ow_mine", url
    for url in ("http://192.0.2.1", "https://localhost.example", "http://[::1"):
        assert find(Place(url=url), environment={}).secret() is None, url


def test_a_token_that_is_none_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    for content in (b"", b"two words", b"\xff\xfe", "ow_ž".encode()):
        (tmp_path / "t").write_bytes(content)
        with pytest.raises(PlaceError, match="no token"):
            Place(token_file=str(tmp_path / "t")).secret()
    with pytest.raises(PlaceError, match="No such file"):
        Place(token_file=str(tmp_path / "none")).secret()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("context = 'x'", "has no context x"),
        ("contexts = 3\ncontext = 'x'", "has no context x"),
        ("context = 'x'\n[contexts.x]\nurll = 'a'", "says urll"),
        ("context = 'x'\n[contexts.x]\nurl = 3", "url has to be a text"),
        ("context = ", "Invalid value"),
    ],
)
def test_a_file_that_makes_no_sense_says_why(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(PlaceError, match=words):
        find(Place(), environment={"OVSWARDEN_CONFIG": str(tmp_path / "c.toml")})
