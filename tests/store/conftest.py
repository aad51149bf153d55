import sqlite3
from pathlib import Path

import pytest


@pytest.fixture
def version_1(tmp_path):
    """A state directory with the sample inventory, as version 1 wrote it."""
    directory = tmp_path / "version-1"
    directory.mkdir(mode=0o700)
    connection = sqlite3.connect(directory / "ovswarden.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(Path(__file__).with_name("version_1.sql").read_text())
    connection.close()
    return directory
