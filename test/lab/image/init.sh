#!/bin/sh
# Settings below vm, fs, net.core, most of kernel, and transparent huge pages belong to the one kernel that
# all hosts and the machine share. Files are bound over them that hold the same values: what is written to
# them is read back on this host alone, and is gone after a reboot, as it is with a real kernel.
# They do not judge what is written: a value that a kernel would refuse, or rewrite, stays as written.
#
# This is process 1 until all is in place, and then becomes systemd, which begins by raising fs.file-max.
set -eu
PATH=/usr/local/lib/lab/gnu:$PATH # where a flavour has other tools, this needs the real ones
copies=/run/lab-kernel
mkdir -p "$copies"
mount -t tmpfs -o mode=755 lab-kernel "$copies"
mkdir -p "$copies/net" "$copies/kernel"

# Some files cannot be read (vm.compact_memory can only be written): cp says so and goes on.
cp -rx --preserve=mode /proc/sys/vm /proc/sys/fs "$copies" 2>/dev/null || :
cp -r --preserve=mode /usr/local/lib/lab/net-core "$copies/net/core" 2>/dev/null || :
cp -r --preserve=mode /sys/kernel/mm/transparent_hugepage "$copies" 2>/dev/null || :
list=
for file in /proc/sys/kernel/*; do
    [ -f "$file" ] || continue
    case ${file##*/} in
    # These are the host's own already, for they belong to its namespaces.
    hostname | domainname | msg* | sem | sem_next_id | shm* | auto_msgmni | ns_last_pid | cad_pid) continue ;;
    # These cannot be set at all.
    os* | version | cap_last_cap | ngroups_max | bootloader_* | core_modes) continue ;;
    esac
    list="$list $file"
done
# shellcheck disable=SC2086 # the names of settings have no blanks
cp --preserve=mode $list "$copies/kernel" 2>/dev/null || :

# No file can be added: a setting the kernel does not have cannot be written here either.
used=$(stat -f -c '%c %d' "$copies")
mount -o "remount,nr_inodes=$((${used% *} - ${used#* }))" "$copies"

# One mount for all: sixty of them would take a quarter of a second.
list=$copies.list
for setting in vm fs net/core; do
    echo "$copies/$setting /proc/sys/$setting none bind 0 0"
done >"$list"
for copy in "$copies"/kernel/*; do
    echo "$copy /proc/sys/kernel/${copy##*/} none bind 0 0"
done >>"$list"
if [ -d "$copies/transparent_hugepage" ]; then
    echo "$copies/transparent_hugepage /sys/kernel/mm/transparent_hugepage none bind 0 0" >>"$list"
fi
mount --all --fstab "$list"
rm "$list"

exec /lib/systemd/systemd "$@"
