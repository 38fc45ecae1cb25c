# Prints what is at dest; with ask, also what version is in the remote repository.
# uses: git_at
# takes: ask update clone separate
echo "git $git_said"
if [ -n "$there" ]; then
	echo there yes
	echo "before $before"
	if [ -n "$separate" ] && [ "$(readlink -f "$store")" != "$(readlink -f "$separate")" ]; then echo moves yes; fi
	if [ -n "$update" ]; then
		if [ -z "$bare" ]; then g status --porcelain | grep -qv '^??' && echo modified yes; fi
		url=$(g ls-remote --get-url "$remote") || url=
		if [ -n "$url" ] && ! is_same "$url"; then echo url_changed yes; fi
	fi
fi
if [ -n "$ask" ]; then
	if [ -z "$there" ]; then
		after=$(remote_head "$repo" cloning) || exit 1
		echo "after $after"
	elif [ -n "$update" ]; then
		after=$(remote_head "$remote") || exit 1
		echo "after $after"
	fi
fi
exit 0
