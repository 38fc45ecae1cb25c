# Makes a fresh sh fit for Runs and has it say who it is and where it keeps output. Memory comes before disk for root. Others
# get /tmp first: files that a user has in /dev/shm are removed by systemd-logind (RemoveIPC) when that user logs out elsewhere.
# What a shell that was killed left behind goes too.
# takes: __polarbook_m __polarbook_old
[ -z "$__polarbook_old" ] || rm -rf "$__polarbook_old"
if [ "$(id -u)" = 0 ]; then
	set -- /dev/shm /tmp /var/tmp "$HOME"
else
	set -- /tmp /var/tmp /dev/shm "$HOME"
fi
__polarbook_dir=
trap '[ -z "$__polarbook_dir" ] || rm -rf "$__polarbook_dir"' EXIT
trap 'exit 129' HUP
trap 'exit 141' PIPE
trap 'exit 143' TERM
for __polarbook_try do
	if [ -d "$__polarbook_try" ] && (umask 077 && mkdir "$__polarbook_try/.polarbook-$__polarbook_m") 2>/dev/null; then
		__polarbook_dir=$__polarbook_try/.polarbook-$__polarbook_m
		{ printf %4096s x >"$__polarbook_dir/x"; } 2>/dev/null && break
		rm -rf "$__polarbook_dir"
		__polarbook_dir=
	fi
done
# shellcheck disable=SC3028,SC2254 # only bash has it
case ${BASHPID-} in
	$$) set -- bash ;;
	*) set -- sh ;;
esac
printf 'polarbook-%s-up %s %s %s\n' "$__polarbook_m" "$$" "$1" "$__polarbook_dir"
set --
unset __polarbook_try __polarbook_m __polarbook_old
