# What surrounds a change by apt-get. code is what policy-rc.d is to answer meanwhile, empty: it is left alone.
# uses: preamble
# takes: code retries longest
DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical
export DEBIAN_FRONTEND DEBIAN_PRIORITY
policy=/usr/sbin/policy-rc.d
saved=
restore() {
	if [ -n "$saved" ]; then mv -f "$saved/policy-rc.d" $policy; rmdir "$saved"; else rm -f $policy; fi
	code=
}
quieten() {
	[ -n "$code" ] || return 0
	if [ -e $policy ]; then
		saved=$(mktemp -d /usr/sbin/.policy-rc.d.XXXXXX) && mv $policy "$saved/policy-rc.d" || die "$policy cannot be moved away"
	fi
	printf '#!/bin/sh\nexit %d\n' "$code" > $policy && chmod 770 $policy || die "$policy cannot be written"
	trap restore EXIT
}
# update WORD...: asks the sources, again when they do not answer.
update() {
	tries=0 wait=1
	while :; do
		if apt-get -q "$@" update; then return 0; fi
		tries=$((tries + 1))
		[ $tries -lt "$retries" ] || die "Failed to update apt cache after $tries retries: are the sources reachable?"
		sleep "$wait"
		wait=$((wait * 2))
		[ $wait -le "$longest" ] || wait=$longest
	done
}
