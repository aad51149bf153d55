"""Actions of a flow as os-ken's objects: the slow, exact way, from which the templates learn their bytes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from os_ken.ofproto import nicira_ext, ofproto_v1_3, ofproto_v1_3_parser, ofproto_v1_4, ofproto_v1_4_parser

from app.core.flow import Action
from app.core.pipeline import OFPORT_BITS

VERSIONS: dict[int, tuple[ModuleType, ModuleType]] = {
    ofproto_v1_3.OFP_VERSION: (ofproto_v1_3, ofproto_v1_3_parser),
    ofproto_v1_4.OFP_VERSION: (ofproto_v1_4, ofproto_v1_4_parser),
}

NXAST_RESUBMIT_TABLE_CT = 44
ETHERTYPE_8021Q = 0x8100
SAME_IN_PORT = 0xFFF8  # OFPP_IN_PORT in the 16 bits of OpenFlow 1.0


def _resubmit_ct(parser: ModuleType) -> type:
    class NXActionResubmitTableCT(parser.NXActionResubmitTable):  # type: ignore[misc, name-defined]
        """resubmit(,table,ct), which os-ken lacks: the body of resubmit(,table) under another subtype."""

        _subtype = NXAST_RESUBMIT_TABLE_CT

    parser.NXAction.register(NXActionResubmitTableCT)
    return NXActionResubmitTableCT


RESUBMIT_CT = {version: _resubmit_ct(parser) for version, (_, parser) in VERSIONS.items()}


def as_object(version: int, action: Action) -> Any:
    """One action, not `goto` or `meter`, as os-ken's object. Raises ValueError for an action nobody defined."""
    ofproto, parser = VERSIONS[version]
    match action:
        case ("set", str(name), int(value)):
            return parser.OFPActionSetField(**{name: user_value(ofproto, name, value)})
        case ("move", source, source_offset, target, target_offset, bits):
            return parser.NXActionRegMove(source, target, bits, source_offset, target_offset)
        case ("output", port):
            return parser.OFPActionOutput(port, ofproto.OFPCML_MAX)
        case ("output_field", name):
            bits = nicira_ext.ofs_nbits(0, OFPORT_BITS - 1)
            return parser.NXActionOutputReg(bits, name, ofproto.OFPCML_MAX)
        case ("resubmit", table):
            return parser.NXActionResubmitTable(SAME_IN_PORT, table)
        case ("resubmit_ct", table):
            return RESUBMIT_CT[version](SAME_IN_PORT, table)
        case ("push_vlan",):
            return parser.OFPActionPushVlan(ETHERTYPE_8021Q)
        case ("pop_vlan",):
            return parser.OFPActionPopVlan()
        case ("ct_clear",):
            return parser.NXActionCTClear()
        case ("ct", zone, table, commit, inner):
            flags = nicira_ext.NX_CT_F_COMMIT if commit else 0
            recirculate = nicira_ext.NX_CT_RECIRC_NONE if table is None else table
            nested = [as_object(version, each) for each in inner]
            return parser.NXActionCT(flags, zone, nicira_ext.ofs_nbits(0, 15), recirculate, 0, nested)
    raise ValueError(f"no such action: {action}")


def user_value(ofproto: ModuleType, name: str, value: int) -> Any:
    """A field's integer as os-ken's users write it (addresses are text there). Raises KeyError, OverflowError."""
    kind = ofproto._oxm_field_desc(ofproto.oxm_from_user_header(name)).type
    return kind.to_user(value.to_bytes(kind.size, "big"))
