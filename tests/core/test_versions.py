"""Which versions are warned of, by the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.core.versions import CODES as EVERY_CODE
from app.core.versions import FLAWS, Description, Flaw, version, warnings


def said(software: str, hardware: str = "Open vSwitch") -> Description:
    return Description("Nicira, Inc.", hardware, software, "None", "None")


CODES = {
    # Debian 12's number
    "3.1.0": {
        "ovs_cve_2023_5366", "ovs_cve_2023_1668", "ovs_classifier_masks", "ovs_fragments_crash", "ovs_fragments_zone",
        "ovs_flush_incomplete", "ovs_flush_ignores", "ovs_flush_icmpv6_crash", "ovs_prefixes_crash", "ovs_sctp_ports",
        "ovs_end_of_support",
    },
    "3.1.7": {"ovs_fragments_zone", "ovs_prefixes_crash", "ovs_end_of_support"},
    "3.2.1": {
        "ovs_cve_2023_5366", "ovs_fragments_crash", "ovs_fragments_zone", "ovs_flush_incomplete", "ovs_flush_ignores",
        "ovs_flush_icmpv6_crash", "ovs_prefixes_crash", "ovs_end_of_support",
    },
    "3.2.6": {"ovs_end_of_support"},
    "3.3.0": {
        "ovs_fragments_crash", "ovs_fragments_zone", "ovs_flush_incomplete", "ovs_flush_icmpv6_crash",
        "ovs_prefixes_crash",
    },
    "3.3.9": set(),
    "3.4.2": {"ovs_fragments_zone", "ovs_prefixes_crash"},
    "3.5.0": {"ovs_fragments_zone", "ovs_prefixes_crash"},
    "3.6.0": set(),
    "3.7.1": set(),
    "4.0.0": set(),
}  # fmt: skip


@pytest.mark.parametrize("software", CODES)
def test_each_version_is_warned_of_for_what_it_has(software: str) -> None:
    assert set(warnings(said(software))) == CODES[software]


@pytest.mark.parametrize(
    ("software", "affected"),
    [("2.17.8", True), ("2.17.9", False), ("2.17.10", False), ("3.0.5", True), ("3.0.6", False), ("3.1.3", True),
     ("3.1.4", False), ("3.2.1", True), ("3.2.2", False), ("3.3.0", False), ("2.13.99", True), ("2.5.0", True)],
)  # fmt: skip
def test_a_repair_counts_in_its_own_series(software: str, affected: bool) -> None:
    assert ("ovs_cve_2023_5366" in warnings(said(software))) is affected


def test_what_came_later_is_not_held_against_older_versions() -> None:
    assert "ovs_flush_ignores" not in warnings(said("3.0.9"))


def test_a_warning_names_the_version_the_repair_and_that_distributions_backport() -> None:
    text = warnings(said("3.1.0"))["ovs_cve_2023_5366"]
    assert "Open vSwitch 3.1.0" in text
    assert "3.1.4" in text
    assert "distribution" in text
    assert "repaired in 3.2.6" in warnings(said("3.1.0"))["ovs_fragments_zone"]  # no repair in its own series


@pytest.mark.parametrize("software", ["3.1.0-2+deb12u1", "3.1.0.el9", "3.1"])
def test_packagers_suffixes_are_overlooked(software: str) -> None:
    assert version(said(software)) == (3, 1, 0)


@pytest.mark.parametrize("software", ["", "None", "three", "v3.1.0", "31", "1234567.1.1"])
def test_no_version_is_a_warning_and_not_a_crash(software: str) -> None:
    assert set(warnings(said(software))) == {"ovs_version_unknown"}


@pytest.mark.parametrize("hardware", ["", "Some ASIC", "None"])
def test_another_switch_is_a_warning(hardware: str) -> None:
    assert set(warnings(said("3.7.1", hardware))) == {"unknown_switch"}


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.code)
def test_the_table_is_in_order(flaw: Flaw) -> None:
    series = [each[:2] for each in flaw.fixed]
    assert series == sorted(set(series))
    assert flaw.source
    assert len({each.code for each in FLAWS}) == len(FLAWS)
    assert not flaw.affects(flaw.fixed[-1])
    assert flaw.affects(flaw.since or (1, 0, 0)) or flaw.since


def test_the_document_lists_every_code() -> None:
    document = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `((?:ovs|unknown)_\w+)`", document, re.MULTILINE)) == EVERY_CODE
