# Answers whether the kernel has SELinux on.
# uses: preamble
# leaves: on
on=
if [ -e /sys/fs/selinux/enforce ]; then on=yes; echo enabled yes; fi
