# Prints what tells of a container, a virtual machine or a host of such.
if [ -r /proc/1/cgroup ]; then sed 's/^/virtual cgroup /' /proc/1/cgroup 2>/dev/null; fi
if [ -r /proc/1/environ ]; then tr '\000' '\n' </proc/1/environ 2>/dev/null | sed -n 's/^container=/virtual environ /p'; fi
if [ -r /run/systemd/container ]; then echo "virtual systemd $(head -n 1 /run/systemd/container)"; fi
for f in /proc/vz /proc/lve /proc/bc /proc/xen /.dockerenv /.dockerinit /dev/kvm; do
	if [ -e $f ]; then echo "virtual there $f"; fi
done
if [ -r /proc/xen/capabilities ]; then sed 's/^/virtual xen /' /proc/xen/capabilities 2>/dev/null; fi
for f in product_name sys_vendor product_family bios_vendor; do
	if [ -r /sys/devices/virtual/dmi/id/$f ]; then echo "virtual dmi $f $(cat /sys/devices/virtual/dmi/id/$f 2>/dev/null)"; fi
done
sed -n 's/^VxID:[[:space:]]*/virtual vserver /p' /proc/self/status 2>/dev/null
grep -E '^(model name.*(QEMU Virtual CPU|UML)|vendor_id.*(User Mode Linux|PowerVM Lx86|IBM/S390)|machine.*CHRP IBM pSeries .emulated by qemu)' \
	/proc/cpuinfo 2>/dev/null | sort -u | sed 's/^/virtual cpu /'
case $(uname -m) in
s390*) if have lscpu; then soon lscpu 2>/dev/null | sed -n 's/^Hypervisor:[[:space:]]*/virtual hypervisor /p'; fi ;;
esac
sed -n 's/^\(kvm\|vboxdrv\|virtio\) .*/virtual module \1/p' /proc/modules 2>/dev/null
if [ -d /rhev ] && cat /proc/[0-9]*/comm 2>/dev/null | grep -q -x -E 'vdsmd?'; then echo 'virtual there vdsm'; fi
