#!/bin/sh
# Boots a host once, in a mount name space that goes away with it: nothing stays mounted after a crash.
# Exits with 133 when the host asked for a reboot.
#
#   boot.sh DIR
set -eu
dir=$1
. "$dir/settings"

root=$dir/root
mkdir -p "$dir/upper" "$dir/work" "$root" /run/systemd/nspawn
mount -t overlay -o "lowerdir=$tree,upperdir=$dir/upper,workdir=$dir/work" overlay "$root"
# nspawn leaves folders there, which nobody would remove.
mount -t tmpfs tmpfs /run/systemd/nspawn

if [ -e "$dir/seed.sh" ]; then
    chroot "$root" sh -s <"$dir/seed.sh"
    rm "$dir/seed.sh"
fi
rm -rf "$root/usr/local/lib/lab/net-core"
cp -r --preserve=mode /proc/sys/net/core "$root/usr/local/lib/lab/net-core" 2>/dev/null || :

set --
[ -z "$disk" ] || set -- --bind="$dir/disk:$disk"

# --register=no and --keep-unit: there is no systemd to ask on the machine. Never --capability=all: with
# CAP_SYS_TIME a host sets the clock of the machine. CAP_NET_ADMIN reaches no further than the host's
# own network name space.
# What --boot would do is done by naming the first process: init must come before systemd.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 UNIFIED_CGROUP_HIERARCHY=1
exec systemd-nspawn --quiet --register=no --keep-unit --settings=no \
    --directory="$root" --machine="$name" \
    --network-namespace-path="/run/netns/$host_netns" --capability=CAP_NET_ADMIN \
    --link-journal=no --resolv-conf=off --timezone=off --console=read-only --kill-signal=SIGRTMIN+3 "$@" \
    /usr/local/lib/lab/init
