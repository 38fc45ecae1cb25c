#!/bin/sh
# Makes an archive of small packages below a directory, as a site keeps one on its own hosts.
set -e
mkdir -p "$1"
cd "$1"
rm -f Packages
pack() {
	rm -rf tree
	mkdir -p "tree/DEBIAN" "tree/opt/$1" tree/etc
	echo "$2" >"tree/opt/$1/version"
	echo "level = 1" >"tree/etc/$1.conf"
	echo "/etc/$1.conf" >tree/DEBIAN/conffiles
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Site <site@example.test>\n' "$1" "$2"
		[ -z "$3" ] || printf 'Depends: %s\n' "$3"
		printf 'Description: %s of the site\n' "$1"
	} >tree/DEBIAN/control
	dpkg-deb --root-owner-group -b tree "$1_$2_all.deb" >/dev/null
	{
		cat tree/DEBIAN/control
		echo "Filename: ./$1_$2_all.deb"
		echo "Size: $(stat -c %s "$1_$2_all.deb")"
		echo "SHA256: $(sha256sum <"$1_$2_all.deb" | cut -c1-64)"
		echo
	} >>Packages
}
pack site-base 1.0
pack site-base 1.2
pack site-agent 2.0-1 site-base
pack site-backup 1:3.1 site-agent
pack site-editor 0.9
pack site-old 0.1
pack site-loose 1.0
rm -rf tree
