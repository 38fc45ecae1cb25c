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
mount --make-private "$copies" # or nothing could be moved away from it
mkdir -p "$copies/net" "$copies/kernel"

# Some files cannot be read (vm.compact_memory can only be written): cp says so and goes on.
cp -rx --preserve=mode /proc/sys/vm /proc/sys/fs "$copies" 2>/dev/null || :
cp -r --preserve=mode /usr/local/lib/lab/net-core "$copies/net/core" 2>/dev/null || :
cp -r --preserve=mode /sys/kernel/mm/transparent_hugepage "$copies" 2>/dev/null || :

# Those of kernel that are the host's own already, for they belong to its namespaces, stay what they are, and so do directories. All else
# is one copy with one mount: systemd reads the table of mounts whenever one comes or goes, and had sixty more to read.
mount --bind "$copies/kernel" "$copies/kernel"
list=
for file in /proc/sys/kernel/*; do
    copy=$copies/kernel/${file##*/}
    case ${file##*/} in
    hostname | domainname | msg* | sem | sem_next_id | shm* | auto_msgmni | ns_last_pid)
        : >"$copy"
        mount --bind "$file" "$copy"
        ;;
    *)
        if [ -f "$file" ]; then
            list="$list $file"
        else
            mkdir "$copy"
            mount --rbind "$file" "$copy"
        fi
        ;;
    esac
done
# shellcheck disable=SC2086 # the names of settings have no blanks
cp --preserve=mode $list "$copies/kernel" 2>/dev/null || :

# No file can be added: a setting the kernel does not have cannot be written here either.
used=$(stat -f -c '%c %d' "$copies")
mount -o "remount,nr_inodes=$((${used% *} - ${used#* }))" "$copies"

for setting in vm fs net/core; do
    mount --bind "$copies/$setting" "/proc/sys/$setting"
done
mount --move "$copies/kernel" /proc/sys/kernel
if [ -d "$copies/transparent_hugepage" ]; then
    mount --bind "$copies/transparent_hugepage" /sys/kernel/mm/transparent_hugepage
fi

exec /lib/systemd/systemd "$@"
