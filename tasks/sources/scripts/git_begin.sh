# What every use of git begins with. g is git, with the credentials of the repository where it has some: they are in the environment,
# which no other account of the host sees, and go to that server alone.
# uses: preamble inside encode
# takes: exe repo local realm user password key ssh_opts host_keys mask
# leaves: repo git_said
if [ -n "$exe" ]; then [ -x "$exe" ] || have "$exe"; else exe=git; have git; fi || { echo missing yes; exit 0; }
[ -z "$mask" ] || umask "$mask"
git_said=$("$exe" --version) || die "$exe --version fails: is it git?"
# older MAJOR MINOR: whether git is older than that.
older() { printf '%s\n' "$git_said" | awk -v a="$1" -v b="$2" '{ split($3, v, "."); exit !(v[1] < a || v[1] == a && v[2] < b) }'; }
case $local in '') ;; /*) repo=file://$local ;; *) repo=$local ;; esac
git_word() { printf "'"; printf %s "$1" | sed "s/'/'\\\\''/g"; printf "'"; }
g() { "$exe" "$@" 7<&-; }
if [ -n "$realm" ]; then
	export POLARBOOK_GIT_USER="$user" POLARBOOK_GIT_PASSWORD="$password"
	# shellcheck disable=SC2016 # the shell of git reads it
	helper='!f() { [ "$1" != get ] || printf "username=%s\npassword=%s\n" "$POLARBOOK_GIT_USER" "$POLARBOOK_GIT_PASSWORD"; }; f'
	g() { "$exe" -c "credential.$realm.helper=" -c "credential.$realm.helper=$helper" "$@" 7<&-; }
fi
export GIT_TERMINAL_PROMPT="${GIT_TERMINAL_PROMPT:-0}"
if ! older 2 3; then
	case $host_keys in
		no) host_keys='-o StrictHostKeyChecking=no' ;;
		new)
			if ssh -o StrictHostKeyChecking=accept-new -V >/dev/null 2>&1; then host_keys='-o StrictHostKeyChecking=accept-new'
			else host_keys= && echo "warning this host's ssh does not know accept-new, so that accept_newhostkey has no effect"
			fi ;;
	esac
	case $ssh_opts in *StrictHostKeyChecking=no*|*StrictHostKeyChecking=accept-new*) host_keys= ;; esac
	ssh_opts="$ssh_opts $host_keys"
	case $ssh_opts in *BatchMode=yes*) ;; *) ssh_opts="$ssh_opts -o BatchMode=yes" ;; esac
	[ -z "$key" ] || ssh_opts="$ssh_opts -i $(git_word "$key") -o IdentitiesOnly=yes"
	export GIT_SSH_COMMAND="${GIT_SSH:-${GIT_SSH_COMMAND:-ssh}} $ssh_opts"
elif [ -n "$ssh_opts$host_keys$key" ]; then
	die "$git_said is older than 2.3, and takes neither key_file nor options of ssh"
fi
