# Prints what a host that is to carry the cluster's virtual address ENDPOINT has: its IPv4 addresses with their interfaces, where keepalived is, whether
# ENDPOINT is one of the addresses, and whether another host answers for it, of which the engine's pg_isready sees to it that the kernel asks.
# CONFIG tells by its being there that polarbook set the address up on this host.
# uses: preamble polardb_as
# takes: ENDPOINT CONFIG OWNER BIN LIB
if ! have ip; then
	exit 0
fi
echo "ip yes"
PATH=$PATH:/usr/sbin:/sbin
keepalived=$(command -v keepalived) && echo "keepalived $keepalived"
[ ! -f "$CONFIG" ] || echo "configured yes"
ip -o -4 addr show 2>/dev/null | awk '{ for (i = 3; i < NF; i++) if ($i == "inet") print "address " $2 " " $(i + 1) }' | head -n 200
if [ -n "$(ip -o -4 addr show to "$ENDPOINT/32" 2>/dev/null)" ]; then
	echo "held yes"
	exit 0
fi
# What the kernel remembers of the address may be long over.
for i in $(ip -4 neigh show to "$ENDPOINT" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 10); do
	ip -4 neigh del "$ENDPOINT" dev "$i" 2>/dev/null || :
done
as timeout 5 pg_isready -q -t 2 -h "$ENDPOINT" -p 9 >/dev/null 2>&1 || :
ip -4 neigh show to "$ENDPOINT" 2>/dev/null | sed -n 's/.* lladdr \([^ ]*\).*/answers \1/p' | head -n 1
exit 0
