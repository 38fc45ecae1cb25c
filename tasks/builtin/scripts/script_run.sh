# Runs the line, which calls the file at, whose content is the standard input, in the directory dir, which is made for it.
# takes: dir at chdir line
( umask 077 && mkdir -- "$dir" && cat > "$at" && chmod 700 "$at" ) || exit 1
trap 'rm -rf -- "$dir"' EXIT
trap 'exit 129' HUP INT PIPE TERM
if [ -n "$chdir" ]; then cd "$chdir" || exit 1; fi
( trap - EXIT HUP INT PIPE TERM; eval "$line" ) </dev/null
exit $?
