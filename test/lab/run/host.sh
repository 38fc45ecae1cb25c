#!/bin/sh
# Runs one host until it is powered off or killed; starts it again when it reboots.
#
#   host.sh DIR      DIR is the host's own folder; DIR/settings says what it is made of
set -eu
dir=$1
. "$dir/settings"

# All that belongs to this host, this shell first, is found and ended by this cgroup.
echo $$ >"$cgroup/cgroup.procs"

# A reboot gives the host a fresh network name space, or net.* settings would outlive it. Deleting the link
# first is what makes its name free at once: the kernel takes its time over a name space.
connect() {
    ip -n "$lab_netns" link delete "$veth" 2>/dev/null || :
    ip netns delete "$host_netns" 2>/dev/null || :
    nsenter --net="/run/netns/$lab_netns" ip netns add "$host_netns" # from there it has its settings
    ip -n "$lab_netns" link add "$veth" type veth peer name eth0 address "$mac" netns "$host_netns"
    [ -e "$dir/unplugged" ] || ip -n "$lab_netns" link set "$veth" master lab
    ip -n "$lab_netns" link set "$veth" up
    ip -n "$host_netns" -batch - <<-END
	link set lo up
	address add $address/24 broadcast + dev eth0
	link set eth0 up
	route add default via $gateway
	END
}

status=133
while [ "$status" -eq 133 ]; do
    connect
    status=0
    unshare --mount --propagation private sh "${0%/*}/boot.sh" "$dir" || status=$?
done
exit "$status"
