# give FILE [MODE]: gives a file its owner and its mode, as far as they are wanted. FILE is $held, which inside opened, a name in
# the working directory, or a path that nobody else can make another. The owner comes first: changing it clears the set-id bits.
# owner is OWNER, OWNER:GROUP or :GROUP. A mode in octal has five digits: with four, chmod leaves a directory's set-group-id bit
# as it is.
# uses: inside
# takes: owner mode
give() {
	give_owner "$1"
	[ -z "${2-$mode}" ] || chmod "${2-$mode}" "$1" || exit 1
}
# give_owner FILE: the same for a link, which has an owner and no mode. $held is a link of the kernel's, which leads to the open
# file and nowhere else.
give_owner() {
	if [ -z "$owner" ]; then :
	elif [ "$1" = "$held" ]; then chown "$owner" "$1" || exit 1
	else chown -h "$owner" "$1" || exit 1
	fi
}
