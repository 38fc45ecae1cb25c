#!/bin/sh
# Makes a Debian tree whose shell and everyday tools are busybox's: sh, and what coreutils, findutils, sed, grep, awk, tar,
# gzip, diffutils, procps and the like bring otherwise. systemd, sshd, sudo, mounts and accounts stay Debian's, since no
# service could do without them. The tools that were replaced lie where only the lab looks: a test looks at a host with those.
set -eu
root=$1
aside=/usr/local/lib/lab/gnu
mkdir -p "$root$aside"
applets=$(chroot "$root" /bin/busybox --list)
for package in coreutils findutils sed grep mawk gawk tar gzip bzip2 xz-utils diffutils procps hostname bsdutils debianutils psmisc; do
    list=$root/var/lib/dpkg/info/$package.list
    [ -e "$list" ] || continue
    grep -E '^(/usr)?/s?bin/' "$list"
done | sort -u | while read -r program; do
    name=${program##*/}
    case $name in
    # It changes the root of services' helpers, and has no say in what a login meets.
    chroot) continue ;;
    esac
    printf '%s\n' "$applets" | grep -qx -- "$name" || continue
    mv "$root$program" "$root$aside/$name"
    ln -s /bin/busybox "$root$program"
done
# awk is a link to one of several, which no package's list has.
ln -sf /bin/busybox "$root/usr/bin/awk"
for name in flock setsid getopt mountpoint dmesg hexdump more mktemp; do
    if [ -e "$root/usr/bin/$name" ] && [ ! -L "$root/usr/bin/$name" ] && printf '%s\n' "$applets" | grep -qx "$name"; then
        mv "$root/usr/bin/$name" "$root$aside/$name"
        ln -s /bin/busybox "$root/usr/bin/$name"
    fi
done
ln -sf busybox "$root/bin/sh"
