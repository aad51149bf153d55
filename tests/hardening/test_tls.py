"""TLS is all in order or the program does not start, and says in one line what is wrong."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from app.errors import StartError
from app.openflow import tls
from tests.hardening.process import APP, SCRIPT

YEARS_AGO = datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """us, old and other (another key) with their authority ca; and files that are nothing."""
    directory = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    issued = {
        "us": authority.issue_cert("us"),
        "other": authority.issue_cert("other"),
        "old": authority.issue_cert("old", not_before=YEARS_AGO[0], not_after=YEARS_AGO[1]),
    }
    for name, certificate in issued.items():
        certificate.private_key_pem.write_to_path(directory / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(directory / f"{name}.pem")
    (directory / "rubbish").write_text("rubbish\n")
    (directory / "empty").touch()
    hidden = ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", "us.key", "-out", "hidden.key"]
    subprocess.run(hidden, cwd=directory, check=True, capture_output=True)
    return directory


def check(
    files: Path, key: str | None, certificate: str | None, signers: str | None, ciphers: str | None = None
) -> bool:
    paths = [str(files / name) if name else None for name in (key, certificate, signers)]
    return tls.check(SimpleNamespace(**dict(zip(tls.OPTIONS, paths, strict=True)), ciphers=ciphers))


def test_without_any_file_switches_come_by_plain_tcp(files: Path) -> None:
    assert check(files, None, None, None) is False


def test_all_three_files_make_it_tls(files: Path) -> None:
    assert check(files, "us.key", "us.pem", "ca.pem") is True
    assert check(files, "us.key", "us.pem", "ca.pem", "ECDHE+AESGCM") is True


WRONG = {
    "nobody's certificate is asked for": (("us.key", "us.pem", None), "without ca_certs it is of no use"),
    "only an authority": ((None, None, "ca.pem"), "without ctl_privkey and ctl_cert it is of no use"),
    "only a certificate": ((None, "us.pem", "ca.pem"), "without ctl_privkey it is of no use"),
    "a key that is not there": (("none.key", "us.pem", "ca.pem"), "none.key: No such file or directory"),
    "an authority that is a directory": (("us.key", "us.pem", "."), "Is a directory"),
    "another certificate's key": (("other.key", "us.pem", "ca.pem"), "is not the key of ctl_cert"),
    "a key with a passphrase": (("hidden.key", "us.pem", "ca.pem"), "hidden.key: the key is encrypted"),
    "a key that is none": (("rubbish", "us.pem", "ca.pem"), "rubbish holds no private key that can be used"),
    "a certificate that is none": (("us.key", "rubbish", "ca.pem"), "rubbish holds no certificate"),
    "an authority that is none": (("us.key", "us.pem", "rubbish"), "rubbish holds no certificate"),
    "an empty authority": (("us.key", "us.pem", "empty"), "empty holds no certificate"),
    "a certificate that cannot sign": (("us.key", "us.pem", "us.pem"), "no certificate of an authority"),
    "an expired certificate": (("old.key", "old.pem", "ca.pem"), "old.pem: certificate has expired"),
    "ciphers that there are not": (("us.key", "us.pem", "ca.pem", "NONSENSE"), "ciphers = NONSENSE"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_the_option_and_the_file(files: Path, what: str) -> None:
    arguments, told = WRONG[what]
    with pytest.raises(StartError) as raised:
        check(files, *arguments)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert any(name in str(raised.value) for name in (*tls.OPTIONS, "ciphers"))


def test_an_expired_authority_is_told(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = SimpleNamespace(time=lambda: 4_102_444_800.0 * 10)
    monkeypatch.setattr(tls, "time", far)
    with pytest.raises(StartError, match=r"ca\.pem: expired at"):
        check(files, "us.key", "us.pem", "ca.pem")


@pytest.mark.switch  # for the network namespace, where port 6653 is free
def test_the_program_ends_in_one_line(files: Path) -> None:
    options = ["--ctl-privkey", "old.key", "--ctl-cert", "old.pem", "--ca-certs", "ca.pem"]
    done = subprocess.run([SCRIPT, *options, APP], cwd=files, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("loading app")]
    assert lines == ["osken-manager: ctl_cert = old.pem: certificate has expired"]
