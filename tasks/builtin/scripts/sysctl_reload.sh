# Has the kernel take the settings of a file. lenient: what it does not know or refuses is left.
# uses: preamble
# takes: file lenient
if have sysctl; then
	if said=$(LC_ALL=C sysctl ${lenient:+-e} -p "$file" 2>&1 >/dev/null); then
		# Some releases end with 0 although the kernel refused a value.
		refused=$(printf '%s\n' "$said" | grep -E '^sysctl: setting key "[^"]+": (Invalid argument|Read-only file system)$')
		[ -z "$refused" ] || die "sysctl: the kernel did not take all of the file: $refused"
	else
		die "sysctl: the kernel did not take all of the file: a wrong name or value, or a container that may not set it (ignoreerrors goes on): $said"
	fi
fi
