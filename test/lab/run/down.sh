#!/bin/sh
# Removes a lab, by the names it gave: its processes, network, mounts, cgroups and folder. Running it again,
# or twice at once, does no harm.
#
#   down.sh STATE    STATE is the lab's folder; STATE/settings has its names
set -u
state=$1
[ -e "$state/settings" ] || exit 0
. "$state/settings"

# The cgroup's folders go only when the processes in them are gone, so this also waits for those.
tries=0
while [ -d "$cgroup" ]; do
    if [ -e "$cgroup/cgroup.kill" ]; then
        echo 1 >"$cgroup/cgroup.kill"
    fi 2>/dev/null
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then
        echo "processes in $cgroup do not end" >&2
        exit 1
    fi
    [ ! -d "$cgroup" ] || sleep 0.05
done
# Where the old hierarchies are mounted too, nspawn has made the same folders in its own.
legacy=/sys/fs/cgroup/systemd/${cgroup##*/}
[ ! -d "$legacy" ] || find "$legacy" -depth -type d -exec rmdir {} + 2>/dev/null

ip link delete "$uplink" 2>/dev/null
for netns in $netnses; do
    ip netns delete "$netns" 2>/dev/null
done
for disk in "$state"/hosts/*/disk; do
    [ ! -d "$disk" ] || umount -l "$disk" 2>/dev/null
done

# The last word is the folder's: as long as it is there, somebody can run this again.
rm -rf --one-file-system "$state"
