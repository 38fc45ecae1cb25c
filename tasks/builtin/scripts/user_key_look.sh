# Answers where the SSH key of the account u is or would be, whether its halves are there, and the public one.
# uses: preamble inside encode entry
# takes: u file local
echo "key_host $(hostname 2>/dev/null || uname -n)"
line=$(entry passwd "$u") || exit 0
home=$(printf '%s\n' "$line" | cut -d: -f6)
case $file in /*) ;; *) file=$home/$file ;; esac
printf '%s' "$file" | encode key_file
[ ! -e "$file" ] || echo key yes
[ -e "$file.pub" ] || exit 0
echo public yes
public=$(spot "$file.pub" && hold "$b" && head -c 32768 <$held) || exit 1
printf '%s\n' "$public" | encode public_key
