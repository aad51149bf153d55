"""The admin token's file."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path

import pytest

from rest.tokens import TokenError, Tokens, admin_token, mint


def test_the_first_start_makes_a_token_that_only_its_owner_can_read(tmp_path: Path) -> None:
    token = admin_token(tmp_path)
    file = tmp_path / "admin.token"
    assert re.fullmatch(r"ow_[A-Za-z0-9_-]{43}", token)
    assert file.read_text() == token + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["admin.token"]


def test_later_starts_read_the_same_token(tmp_path: Path) -> None:
    token = admin_token(tmp_path)
    assert admin_token(tmp_path) == token
    assert Tokens.open(tmp_path).accept(f"Bearer {token}")
    assert not Tokens.open(tmp_path).accept(f"Bearer {mint()}")


def test_of_many_that_start_at_once_all_get_the_same_token(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(admin_token(tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_token_that_others_may_have_read_is_refused(mode: int, tmp_path: Path) -> None:
    admin_token(tmp_path)
    (tmp_path / "admin.token").chmod(mode)
    with pytest.raises(TokenError, match=f"mode 0{mode:o}: others may have read it") as caught:
        admin_token(tmp_path)
    assert "\n" not in caught.value.exit_message


@pytest.mark.parametrize("content", ["", "ow_short\n", "hello", "\xff" * 50])
def test_a_file_without_a_token_is_refused_and_left_alone(content: str, tmp_path: Path) -> None:
    file = tmp_path / "admin.token"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(TokenError, match="does not hold a token"):
        admin_token(tmp_path)
    assert file.read_text() == content


def test_a_link_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "admin.token").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b" / "admin.token").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    os.mkfifo(tmp_path / "c" / "admin.token", 0o600)
    for name in "abc":
        with pytest.raises(TokenError):
            admin_token(tmp_path / name)
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_missing_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="No such file"):
        admin_token(tmp_path / "none")


def test_tokens_do_not_show_themselves() -> None:
    token = mint()
    assert token not in repr(Tokens(token))
    assert token not in str(vars(Tokens(token)))
