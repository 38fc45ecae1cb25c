# Leaves in m the host's package manager, when none is wanted: what its distribution comes with.
# uses: preamble
# takes: m
# leaves: m
if [ -z "$m" ] && { [ -e /etc/redhat-release ] || ! have apt-get; }; then
	for c in dnf yum; do
		if have $c; then m=$c; break; fi
	done
fi
if [ -z "$m" ] && have apt-get; then m=apt; fi
if [ "$m" = apt ]; then have apt-get || m=; fi
