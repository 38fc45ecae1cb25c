# Says how many KiB are free where a file is, and on what file system.
# takes: p
export LC_ALL=C
# shellcheck disable=SC2046 # columns
set -- $(df -Pk -- "${p%/*}" | tail -n 1)
echo "${4-}" "$6"
