# Runs the line, which calls the file at, whose content is the standard input, in the directory dir, which may be there already.
# takes: dir at line
trap 'rm -rf -- "$dir"' EXIT
trap 'exit 129' HUP INT PIPE TERM
( umask 077 && { [ -d "$dir" ] || mkdir -- "$dir"; } && cat > "$at" && chmod 700 "$at" ) || exit 1
( trap - EXIT HUP INT PIPE TERM; eval "$line" ) </dev/null
exit $?
