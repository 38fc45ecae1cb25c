# Prints interfaces, addresses and default routes.
for i in /sys/class/net/*; do
	if [ -d "$i" ]; then echo "interface ${i##*/} $(cat "$i/mtu") $(cat "$i/operstate") $(cat "$i/address" 2>/dev/null)"; fi
done
if have ip; then
	ip -o addr show 2>/dev/null | sed 's/^/address /'
	ip -4 route show default 2>/dev/null | head -n 1 | sed 's/^/route4 /'
	ip -6 route show default 2>/dev/null | head -n 1 | sed 's/^/route6 /'
fi
