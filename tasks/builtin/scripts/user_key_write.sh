# Puts the key pair that is the standard input, the private key first, where the account u is to have it.
# uses: preamble inside entry
# takes: u file force local
line=$(entry passwd "$u") || die "the account $u is gone"
home=$(printf '%s\n' "$line" | cut -d: -f6)
owner=$(printf '%s\n' "$line" | cut -d: -f3,4)
case $file in /*) ;; *) file=$home/$file ;; esac
made() { chown "$owner" .; }
dir=${file%/*}
( umask 077; reach "${dir:-/}" 0700 ) || exit 1
spot "$file" || die "the directory of $file is gone"
if [ -n "$force" ]; then rm -f -- "./$b" "./$b.pub" || exit 1; fi
{ [ ! -e "./$b" ] && [ ! -e "./$b.pub" ]; } || changed "$file"
fresh "$b" || die "$file cannot be made"
while IFS= read -r line; do
	printf '%s\n' "$line" >&7 || die "$file cannot be written: is the disk full?"
	case $line in "-----END "*) break ;; esac
done
chown "$owner" $held || exit 1
exec 7>&-
fresh "$b.pub" && cat >&7 && chmod 644 $held && chown "$owner" $held || die "$file.pub cannot be written"
if [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon "${here%/}/$b" "${here%/}/$b.pub" "$here" 2>/dev/null; fi
