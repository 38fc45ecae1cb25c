# Prints the mount points of those file systems under the directories "$@" that have less than 1 MiB left.
df -Pk -- "$@" 2>/dev/null | awk 'NR > 1 && $4 < 1024 && !seen[$6]++ { print "full=" $6 }'
