# Carries out its arguments, a command that changes what is on p and takes it last, if what blkid finds there is still what was found when it was planned.
# uses: preamble
# takes: p held
now=$(blkid -p -o export -- "$p" 2>/dev/null) || [ $? = 2 ] || now="?$now"
[ "$now" = "$held" ] || [ "$held" = any ] || die "$p holds something else than a moment ago: look at it again"
have "$1" || die "$1 is not installed on this host"
said=$("$@" "$p" </dev/null 2>&1) || die "$said"
printf '%s\n' "$said"
