#!/bin/sh
# Makes a Debian tree look to those who log in as Rocky Linux 9 does: bash as sh, rpm and dnf with packages of their own,
# firewalld, sshd under its name, and neither Debian's package tools nor python on PATH.
#
# What it cannot be: the kernel has no SELinux, so getenforce says Disabled, as on a host that was started with selinux=0.
# The programs and their versions are Debian's.
set -eu
root=$1
image=$LAB_FLAVOUR
in_tree() { chroot "$root" /usr/bin/env LC_ALL=C.UTF-8 "$@"; }

install -m 644 "$image/os-release" "$root/usr/lib/os-release"
ln -sf ../usr/lib/os-release "$root/etc/os-release"
echo "Rocky Linux release 9.4 (Blue Onyx)" >"$root/etc/rocky-release"
ln -sf rocky-release "$root/etc/redhat-release"
ln -sf rocky-release "$root/etc/system-release"
rm -f "$root/etc/debian_version" "$root/etc/issue" "$root/etc/issue.net"
echo "LANG=C.UTF-8" >"$root/etc/locale.conf"
ln -sf bash "$root/bin/sh"

# dnf and firewalld are python's. It is there for them alone, out of everybody's way.
mkdir -p "$root/usr/libexec"
mv "$root"/usr/bin/python3.[0-9]* "$root/usr/libexec/"
platform=$(cd "$root/usr/libexec" && echo python3.*[0-9])
mv "$root/usr/libexec/$platform" "$root/usr/libexec/platform-$platform"
ln -s "platform-$platform" "$root/usr/libexec/platform-python"
for folder in usr/bin usr/sbin usr/libexec usr/lib/firewalld usr/share/dbus-1; do
    [ -d "$root/$folder" ] || continue
    grep -rlIE '^#! ?/usr/bin/(env )?python3' "$root/$folder" | while read -r program; do
        [ -L "$program" ] || sed -i -E '1s,^#! ?/usr/bin/(env )?python3[.0-9]*,#!/usr/libexec/platform-python,' "$program"
    done
done
rm -f "$root"/usr/bin/python* "$root"/usr/bin/py3* "$root"/usr/bin/pydoc* "$root"/usr/bin/pygettext*

# Accounts and logins as there.
mv "$root/lib/systemd/system/ssh.service" "$root/lib/systemd/system/sshd.service"
sed -i '/^Alias=/d' "$root/lib/systemd/system/sshd.service"
rm -rf "$root"/etc/init.d/* "$root"/etc/rc[0-9S].d "$root/etc/systemd/system/sshd.service" "$root/etc/systemd/system/multi-user.target.wants/ssh.service"
ln -s /lib/systemd/system/sshd.service "$root/etc/systemd/system/multi-user.target.wants/sshd.service"
mv "$root/etc/systemd/system/ssh.service.d" "$root/etc/systemd/system/sshd.service.d"
echo "SetEnv PATH=/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin" >"$root/etc/ssh/sshd_config.d/path.conf"
install -m 440 "$image/sudoers" "$root/etc/sudoers"
in_tree groupadd --system --gid 10 wheel 2>/dev/null || in_tree groupadd --system wheel
install -m 644 "$image/login.defs" "$root/etc/login.defs"
printf 'GROUP=100\nHOME=/home\nINACTIVE=-1\nEXPIRE=\nSHELL=/bin/bash\nSKEL=/etc/skel\nCREATE_MAIL_SPOOL=yes\n' >"$root/etc/default/useradd"
mkdir -p "$root/etc/selinux" "$root/etc/sysconfig"
printf 'SELINUX=disabled\nSELINUXTYPE=targeted\n' >"$root/etc/selinux/config"

# firewalld guards the host from the first packet on.
ln -sf /lib/systemd/system/firewalld.service "$root/etc/systemd/system/multi-user.target.wants/firewalld.service"

# rpm's database, and packages to install.
mkdir -p "$root/etc/rpm" "$root/var/lib/rpm" "$root/etc/yum.repos.d" "$root/etc/dnf" "$root/tmp/rpms"
echo "%_dbpath /var/lib/rpm" >"$root/etc/rpm/macros.lab"
printf '[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n' >"$root/etc/dnf/dnf.conf"
install -m 644 "$image/lab.repo" "$root/etc/yum.repos.d/lab.repo"
cp "$image"/*.spec "$image/comps.xml" "$root/tmp/rpms/"
in_tree bash <"$image/rpms.sh"
rm -rf "$root/tmp/rpms"
ln -sf dnf-3 "$root/usr/bin/yum"
ln -sf dnf-3 "$root/usr/bin/dnf"

# The last word: nothing of Debian's own package tools, not even to be found by their full path.
rm -rf "$root"/usr/bin/apt* "$root"/usr/bin/dpkg* "$root"/usr/sbin/dpkg* "$root"/usr/sbin/add-shell "$root"/usr/sbin/adduser \
    "$root"/usr/sbin/addgroup "$root"/usr/sbin/deluser "$root"/usr/sbin/delgroup "$root"/usr/bin/deb-systemd* \
    "$root"/usr/sbin/update-rc.d "$root"/usr/sbin/invoke-rc.d "$root"/usr/bin/debconf* "$root"/usr/bin/rpmbuild "$root"/usr/bin/perl*
