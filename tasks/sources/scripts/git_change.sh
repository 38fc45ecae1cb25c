# Makes dest what is asked for, and prints what came of it. The words are the fingerprints of keys that a commit may be signed with.
# uses: git_at
# takes: clone update force depth reference refspec single recursive track verify separate archive format prefix show
# What git says goes to where errors do: the answer is for polarbook.
q() { g "$@" >&2; }
if [ -n "$depth" ] && printf '%s\n' "$git_said" | awk '{ split($3, v, "."); exit !(v[1] < 1 || v[1] == 1 && (v[2] < 9 || v[2] == 9 && v[3] < 1)) }'; then
	echo "warning $git_said is too old for depth, which is left out"
	depth=
fi
verify_commit() {
	how='verify-commit'
	[ "$(g for-each-ref --format='%(objecttype)' "refs/tags/$version")" != tag ] || how='verify-tag'
	if [ $# -eq 0 ]; then
		q "$how" "$version" || die "Failed to verify GPG signature of commit/tag \"$version\""
		return 0
	fi
	said=$(g "$how" --raw "$version" 2>&1) || die "Failed to verify GPG signature of commit/tag \"$version\": $said"
	print=$(printf '%s\n' "$said" | awk '$2 == "VALIDSIG" { print NF == 12 ? $12 : $3; exit }')
	for one in "$@"; do [ "$one" != "$print" ] || return 0; done
	die "The gpg_allowlist does not include the public key \"$print\" for this commit"
}
# The name in dest's directory is what git writes to: nobody can put another directory in the place of that.
make() {
	reach "${dest%/*}/" || die "the directory above $dest cannot be entered"
	name=./${dest##*/}
	branch=
	if [ "$version" != HEAD ] && { is_branch "$repo" || is_tag "$repo"; }; then branch=$version; fi
	words=
	if [ -n "$depth" ]; then
		if [ "$version" = HEAD ] || [ -n "$refspec" ] || [ -n "$branch" ]; then words=yes
		else echo 'warning depth is left out: it is for HEAD, branches and tags, or with refspec'
		fi
	fi
	pick=
	if [ -n "$branch" ] && { [ -n "$words" ] && [ -z "$refspec" ] || [ -n "$single" ]; }; then pick=$branch; fi
	if [ -n "$bare" ]; then set -- --bare; else set -- --origin "$remote"; fi
	[ -z "$words" ] || set -- "$@" --depth "$depth"
	[ -z "$pick" ] || set -- "$@" --branch "$pick"
	[ -z "$reference" ] || set -- "$@" --reference "$reference"
	[ -z "$single" ] || set -- "$@" --single-branch
	[ -z "$separate" ] || set -- "$@" "--separate-git-dir=$separate"
	q clone "$@" -- "$repo" "$name" || exit 1
	inside "$dest" || die "$dest is not there after the repository was cloned"
	if [ -n "$bare" ] && [ "$remote" != origin ]; then q remote add "$remote" "$repo" || exit 1; fi
	[ -z "$refspec" ] || q fetch ${depth:+--depth "$depth"} "$remote" "$refspec" || exit 1
}
move() {
	to=$(readlink -f "$separate") || die "the directory of $separate is not there"
	from=$(readlink -f "$store")
	[ "$from" != "$to" ] || return 0
	[ ! -e "$to" ] || die "Separate-git-dir path $to already exists."
	mv -- "$store" "$to" || exit 1
	[ -d ./.git ] || rm -f ./.git
	printf 'gitdir: %s\n' "$to" > ./.git || { mv -- "$to" "$from"; die "$dest/.git cannot be written"; }
	printf %s "$from" | encode moved_from
	printf %s "$to" | encode moved_to
}
fetch() {
	set --
	if [ -n "$depth" ]; then
		# What was cloned by a tag, and by little of its history, is on no branch and knows none of the remote's.
		current=
		[ "$version" != HEAD ] && ! g symbolic-ref -q HEAD >/dev/null && ! g symbolic-ref -q "refs/remotes/$remote/HEAD" >/dev/null ||
			current=$(head_branch) || exit 1
		if [ -n "$refspec" ]; then set -- "$refspec"
		elif [ "$version" = HEAD ]; then set -- "$current"
		elif is_branch "$repo"; then
			[ "$current" = "$version" ] || set -- "+refs/heads/$version:refs/heads/$version"
			set -- "$@" "+refs/heads/$version:refs/remotes/$remote/$version"
		elif is_tag "$repo"; then set -- "+refs/tags/$version:refs/tags/$version"
		fi
	fi
	few=
	if [ $# -gt 0 ]; then few=$depth
	elif [ -n "$bare" ]; then set -- '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' ${refspec:+"$refspec"}
	elif older 1 9; then
		q fetch ${force:+--force} "$remote" || die "Failed to download remote objects and refs"
		set -- '+refs/tags/*:refs/tags/*' ${refspec:+"$refspec"}
	else
		q fetch --tags ${force:+--force} "$remote" ${refspec:+"$refspec"} || die "Failed to download remote objects and refs"
		return 0
	fi
	q fetch ${few:+--depth "$few"} ${force:+--force} "$remote" "$@" || die "Failed to download remote objects and refs"
}
switch() {
	if [ "$version" = HEAD ]; then
		branch=$(head_branch) || exit 1
		q checkout --force "$branch" -- && q reset --hard "$remote/$branch" -- || die "Failed to checkout branch $branch"
	elif is_branch "$remote"; then
		mine=
		g show-ref --verify --quiet "refs/heads/$version" && mine=yes
		if [ -z "$mine" ] && [ -n "$depth" ]; then
			q fetch "--depth=$depth" "$remote" "+refs/heads/$version:refs/heads/$version" "+refs/heads/$version:refs/remotes/$remote/$version" ||
				die "Failed to fetch branch from remote: $version"
			mine=yes
		fi
		if [ -z "$mine" ]; then q checkout --track -b "$version" "$remote/$version" -- || die "Failed to checkout $version"
		else q checkout --force "$version" -- && q reset --hard "$remote/$version" -- || die "Failed to checkout branch $version"
		fi
	else
		q checkout --force "$version" -- || die "Failed to checkout $version"
	fi
	[ -z "$verify" ] || verify_commit "$@"
}
# modules: whether the submodules are others than they should be; what is new of them is fetched.
modules() {
	[ -f ./.gitmodules ] || return 1
	sed -n 's/^[[:space:]]*path[[:space:]]*=[[:space:]]*//p' ./.gitmodules | (
		while IFS= read -r at; do [ -e "./$at/.git" ] || exit 1; done
	) || return 0
	had=$(g submodule --quiet foreach 'git rev-parse HEAD') || die "the submodules of $dest cannot be read"
	q submodule foreach 'git fetch' || die "Failed to fetch submodules"
	if [ -n "$track" ]; then
		POLARBOOK_REMOTE=$remote
		export POLARBOOK_REMOTE
		# shellcheck disable=SC2016 # the shell of git reads it
		want=$(g submodule --quiet foreach 'git rev-parse "$POLARBOOK_REMOTE/master"') || die "the submodules of $dest have no master to track"
		[ "$had" != "$want" ]
	else
		g submodule status | grep -q '^[^ ]'
	fi
}
pack() {
	root=$here
	spot "$archive" follow || die "the directory of $archive is not there"
	new=.polarbook.$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
	[ -z "$mask" ] || umask "$mask"
	fresh "$new" || die "no file can be made in $here"
	( cd -P -- "$root" && "$exe" archive --format "$format" ${prefix:+--prefix "$prefix"} "$version" ) >&7 ||
		{ rm -f -- "./$new"; die "Failed to perform archive operation"; }
	if [ -f "./$b" ] && cmp -s "./$b" $held; then rm -f -- "./$new"; return 0; fi
	if [ -d "./$b" ]; then rm -f -- "./$new"; die "$archive is a directory"; fi
	chmod "$(printf %o $((0666 & ~$(umask))))" $held && mv -f -- "./$new" "./$b" || exit 1
	echo archived yes
}
if [ -n "$there" ] && [ -n "$separate" ]; then move; fi
if [ -z "$there" ]; then
	make "$@" # which has no use for the words
	[ -z "$bare" ] || [ -z "$verify" ] || verify_commit "$@"
elif [ -z "$update" ]; then :
else
	if [ -z "$bare" ] && g status --porcelain | grep -qv '^??'; then
		[ -n "$force" ] || die "Local modifications exist in the destination: $dest (force=no)."
		q reset --hard HEAD -- || exit 1
		echo modified yes
	fi
	url=$(g ls-remote --get-url "$remote") || url=
	if ! is_same "$url"; then
		q remote set-url "$remote" "$repo" || die "Failed to set a new url $repo for $remote"
		echo url_changed yes
	fi
	fetch
fi
if [ -z "$there" ] || [ -n "$update" ]; then
	if [ -z "$bare" ]; then
		switch "$@"
		if [ -n "$recursive" ] && modules; then
			echo submodules yes
			q submodule sync || exit 1
			remote_too=
			[ -z "$track" ] || remote_too=--remote
			# shellcheck disable=SC2086
			q submodule update --init --recursive $remote_too ${force:+--force} || die "Failed to init/update submodules"
		fi
	fi
fi
after=$(g rev-parse HEAD) || exit 1
echo "after $after"
if [ -n "$show" ] && [ -n "$before" ] && [ "$before" != "$after" ]; then
	g diff --name-status "$before" "$after" -- 2>/dev/null | head -c 65536 | encode differ
fi
[ -z "$archive" ] || pack
exit 0
