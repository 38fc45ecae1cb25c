# look NAME PATH [-L]: answers what a file is, with -L what a link points to. The file's size is left in $size.
# uses: encode
# leaves: size
look() {
	size=0
	if [ -L "$2" ] && [ "$3" != -L ]; then kind=link
	elif [ -f "$2" ]; then kind=file
	elif [ -d "$2" ]; then kind=directory
	elif [ -e "$2" ]; then kind=other
	else echo "$1 absent"; return 0
	fi
	if [ $kind = link ]; then readlink -n -- "$2" | encode "$1.target"; fi
	# shellcheck disable=SC2086 # no word when it is not given
	size=$(stat $3 -c "%s $1 $kind %a %u %g %U %G %s %Y %h %d %i" -- "$2") || return
	echo "${size#* }"
	size=${size%% *}
}
