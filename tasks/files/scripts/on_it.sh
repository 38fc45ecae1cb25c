# on_it: calls dress with what is at p, or dress_link with a link that is not followed.
# uses: at_path
on_it() {
	if [ -L "./$b" ]; then dress_link "./$b"
	elif [ -d "./$b" ]; then
		enter "$b"
		dress .
	elif [ -f "./$b" ]; then
		hold "$b"
		dress "$held"
	else
		[ -z "$(whose "$here" "${here%/}/$b")" ] || die "$p is neither a file nor a directory, and others than root can replace it"
		dress "./$b"
	fi
}
