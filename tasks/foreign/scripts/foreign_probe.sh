# Prints a directory in which a module may lie and be run, and the path of its interpreter where the host has it; python: any
# Python will do.
# uses: preamble encode
# takes: interpreter python
d=${HOME:-/}
if [ "$d" = / ] || [ ! -d "$d" ] || [ ! -w "$d" ]; then d=${TMPDIR:-/tmp}; fi
printf %s "$d" | encode home
if [ -n "$interpreter" ]; then
	at=
	if [ -n "$python" ]; then
		at=$(command -v python3) || at=
		if [ -z "$at" ] && [ -x /usr/libexec/platform-python ]; then at=/usr/libexec/platform-python; fi
	fi
	if [ -z "$at" ]; then
		case $interpreter in
		/*) if [ -f "$interpreter" ] && [ -x "$interpreter" ]; then at=$interpreter; fi ;;
		*) at=$(command -v -- "$interpreter") || at= ;;
		esac
	fi
	printf %s "$at" | encode interpreter
fi
