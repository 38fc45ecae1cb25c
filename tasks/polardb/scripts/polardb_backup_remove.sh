# Removes backups from a directory: first what makes each whole, so that none that is half removed counts. $* are their names.
# uses: preamble inside strangers
# takes: DIR OWNER CLUSTER
set -e
cd /
who=$(strangers "$DIR/" "$OWNER")
[ -z "$who" ] || die "$who: nothing is removed there"
for n; do (
	inside "$DIR" || die "$DIR cannot be entered"
	[ -d "./$n" ] && [ ! -L "./$n" ] || exit 0
	cd -P -- "./$n" || exit 1
	# shellcheck disable=SC2016 # the inner shell's
	runuser -u "$OWNER" -- sh -euc 'grep -qxF -- "cluster=$1" backup.polarbook 2>/dev/null || { echo "$PWD is not of the cluster $1" >&2; exit 1; }
		rm -f backup.json; sync
		find . -mindepth 1 -maxdepth 1 ! -name backup.polarbook -exec rm -rf -- {} +
		rm -f backup.polarbook' sh "$CLUSTER" </dev/null || exit 1
	cd .. && rmdir "./$n" || exit 1
	printf 'removed=%s\n' "$n"
) || exit 1; done
