"""The smallest application that serves switches: it counts the flows of each one, ten times a second, and says so."""

from os_ken.base.app_manager import OSKenApp
from os_ken.controller import ofp_event
from os_ken.controller.handler import MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.ofproto import ofproto_v1_3, ofproto_v1_4

from app.openflow import harden
from app.openflow.switch_io import SwitchTrouble, read_flows

harden.install()


class MinimalApp(OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION, ofproto_v1_4.OFP_VERSION]

    @set_ev_cls(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def connected(self, event):
        hub.spawn(self._watch, event.datapath)

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port(self, event):
        print("port", event.msg.desc.name, flush=True)

    def close(self):
        print("closed", flush=True)

    def _watch(self, datapath):
        try:
            while True:
                print(f"serving {datapath.id:x}: {len(read_flows(datapath, seconds=5))} flows", flush=True)
                hub.sleep(0.1)
        except SwitchTrouble as error:
            print(f"lost {datapath.id:x}: {error!r}", flush=True)
