#!/bin/sh
# Makes a lab's network: a bridge for its hosts in a name space of its own, where no packet filter of the
# machine reaches, and one link from there to the machine.
#
#   up.sh STATE
set -eu
. "$1/settings"
ip netns add "$lab_netns"
ip -n "$lab_netns" link add lab type bridge
ip link add "$uplink" type veth peer name uplink netns "$lab_netns"
ip -n "$lab_netns" -batch - <<-END
	link set lo up
	link set uplink master lab
	link set uplink up
	link set lab up
END
ip address add "$gateway/24" broadcast + dev "$uplink"
ip link set "$uplink" up

# A host's table of connections is as large as this says where it was made, or as the machine's, which a look at /proc/net/tcp
# goes through for some milliseconds. Kernels before 6.1 have one table for all.
nsenter --net="/run/netns/$lab_netns" sh -c '! [ -w /proc/sys/net/ipv4/tcp_child_ehash_entries ] || echo 1024 >/proc/sys/net/ipv4/tcp_child_ehash_entries'

# Every systemd watches a dozen or so folders, all of them as the one root the kernel knows. This many are
# a matter of bookkeeping to the kernel; it stays set, for another lab may need it.
instances=/proc/sys/fs/inotify/max_user_instances
[ "$(cat $instances)" -ge 1024 ] || echo 1024 >$instances
