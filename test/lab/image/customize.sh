#!/bin/sh
# Runs at the end of tree.sh with the new tree as its argument.
#
# Inside, nothing may differ by chance from host to host, and nothing may run that a test did not ask for:
# no timers that upgrade packages, no getty on a console that is not there, no network manager (the
# addresses are set from outside).
set -eu
root=$1
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/resolv.conf" "$root/etc/hostname"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
for unit in ssh.socket systemd-networkd.service systemd-networkd.socket systemd-resolved.service \
    systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer console-getty.service getty.target \
    proc-sys-fs-binfmt_misc.automount systemd-firstboot.service systemd-udevd.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# A host has no disks to look for, no getty, no keys to unlock. A reload of systemd, of which a run has many, runs all generators.
for kind in system user; do
    install -d "$root/etc/systemd/$kind-generators"
    for generator in "$root/lib/systemd/$kind-generators"/*; do
        [ -e "$generator" ] || continue
        case ${generator##*/} in
        systemd-fstab-generator | systemd-sysv-generator) ;;
        *) ln -s /dev/null "$root/etc/systemd/$kind-generators/${generator##*/}" ;;
        esac
    done
done
# As on CentOS 7, an account that logs in has no systemd of its own: that took longer than the login.
ln -s /dev/null "$root/etc/systemd/system/user@.service"
# Nor is anybody there to read the message of the day, for which five programs run at each login.
sed -i '/pam_motd/d' "$root/etc/pam.d/sshd"
install -D -m 755 "$LAB_IMAGE/init.sh" "$root/usr/local/lib/lab/init"
install -d "$root/etc/systemd/system/ssh.service.d"
# Until systemd-user-sessions has run only root may log in; a host that answers is to be ready for all.
printf "[Unit]\nAfter=systemd-user-sessions.service\n" >"$root/etc/systemd/system/ssh.service.d/lab.conf"
chroot "$root" useradd --create-home --shell /bin/bash admin
chroot "$root" useradd --create-home --shell /bin/bash dba
printf "admin ALL=(ALL:ALL) NOPASSWD: ALL\n" >"$root/etc/sudoers.d/admin"
printf "dba ALL=(ALL:ALL) ALL\n" >"$root/etc/sudoers.d/dba"
chmod 440 "$root/etc/sudoers.d/admin" "$root/etc/sudoers.d/dba"
