# Prints size and sums of a body. algorithm: another sum that is asked for, such as sha512.
# uses: web_dir
# takes: algorithm
echo "size $(wc -c < "$dir/out")"
for a in sha1 sha256 md5 $algorithm; do
	if have "${a}sum"; then s=$("${a}sum" < "$dir/out") && echo "$a ${s%% *}"; fi
done
