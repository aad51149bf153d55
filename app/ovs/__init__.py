"""What Open vSwitch tells besides OpenFlow: its database (OVSDB) and the control socket of ovs-vswitchd.

The protocols are the `ovs` package's; here is what is asked, what follows from the answers, and threads of their own.
"""
