# Answers what the policy has for a path's expression: its contexts, each with the type of file, and the path that it is made equal
# to, the distribution's word before that of others.
# uses: selinux_on
# takes: target
have semanage || exit 0
echo tool yes
list=$(semanage fcontext -l -n 2>/dev/null) || exit 0
printf '%s\n' "$list" | target=$target awk '
	BEGIN { t = ENVIRON["target"]; kinds = "^ +(all files|regular file|directory|character device|block device|socket|symbolic link|named pipe) +[^ ]+ *$" }
	index($0, t) != 1 { next }
	{ rest = substr($0, length(t) + 1) }
	rest ~ kinds { sub(/^ +/, "", rest); print "context " rest }
	rest ~ /^ = / && !equal { equal = 1; print "equal " substr(rest, 4) }'
echo told yes
