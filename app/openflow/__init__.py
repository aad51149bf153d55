"""OpenFlow as bytes: rendering flows, bundles, conversations with a switch, and what protects them."""

import os

# os-ken 4 would otherwise choose its thread-based hub, which never reports that a switch has gone. It reads this when
# it is first imported, so whoever imports any of our modules before os-ken gets the right one.
os.environ.setdefault("OSKEN_HUB_TYPE", "eventlet")
