# Refuses what usermod does by path where another account could have a path lead elsewhere meanwhile.
# uses: preamble strangers
# takes: from to
for home in "$from" "$to"; do
	who=$(strangers "${home%/*}")
	[ -z "$who" ] || die "$home is not moved: $who, and could have it lead elsewhere meanwhile. Move it by hand, or give the directory to root"
done
