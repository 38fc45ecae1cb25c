# Removes a rule as often as it is there, by the lines check and remove.
# takes: check remove
n=0
while [ $n -lt 1000 ] && eval "$check" >/dev/null 2>&1; do
	eval "$remove" || exit
	n=$((n + 1))
done
