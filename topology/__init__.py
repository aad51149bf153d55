"""Labs as values, and the one place that realises them: namespaces, veth pairs, a private Open vSwitch.

`labs` says what a lab is and what must reach what; `realise` (fabric) builds it in the *current* network
namespace; `switch` is the private Open vSwitch. `probes` and `streams` send real traffic, `frames`, `nd`, `dhcp`
and `fragments` make single frames, honest and forged, and `sniffer` tells whom they reached and with which VLAN
tag; `matrix` runs a lab's whole expectation; `datapath` reads the userspace datapath. Nothing here imports the
firewall: it is judged from outside.
"""

from topology.fabric import Fabric, realise
from topology.labs import SEED, Expect, Host, Lab, Probe, generated, named
from topology.namespaces import isolated
from topology.switch import OpenVSwitch, SwitchError

__all__ = [
    "SEED",
    "Expect",
    "Fabric",
    "Host",
    "Lab",
    "OpenVSwitch",
    "Probe",
    "SwitchError",
    "generated",
    "isolated",
    "named",
    "realise",
]
