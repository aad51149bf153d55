import sqlite3
from pathlib import Path

import pytest


@pytest.fixture
def version_1(tmp_path):
    """A state directory with the sample inventory of version 1, as version 1 wrote it."""
    return written_then(tmp_path / "version-1", "version_1.sql")


@pytest.fixture
def version_2(tmp_path):
    """A state directory with the sample inventory of version 2, as version 2 wrote it."""
    return written_then(tmp_path / "version-2", "version_2.sql")


@pytest.fixture
def version_3(tmp_path):
    """A state directory with the sample inventory of version 3, as version 3 wrote it."""
    return written_then(tmp_path / "version-3", "version_3.sql")


@pytest.fixture
def version_4(tmp_path):
    """A state directory with the sample inventory, an audited write and a kept answer, as version 4 wrote them."""
    return written_then(tmp_path / "version-4", "version_4.sql")


def written_then(directory, script):
    directory.mkdir(mode=0o700)
    connection = sqlite3.connect(directory / "ovswarden.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(Path(__file__).with_name(script).read_text())
    connection.close()
    return directory
