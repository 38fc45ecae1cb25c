# Looks for the repository at dest. there is empty, or yes when it has one, whose directory is the working directory then.
# uses: git_begin
# takes: dest bare remote version
# leaves: there store before
there= store= before=
case $dest in ''|/*) ;; *) dest=$(pwd)/$dest ;; esac
if [ -n "$dest" ] && inside "$dest"; then
	store=.
	if [ -z "$bare" ]; then
		store=./.git
		if [ -f ./.git ]; then
			store=$(sed -n 's/^gitdir: *//p' ./.git | head -n 1)
			[ -n "$store" ] && [ -d "$store" ] || die "$dest/.git does not name a directory that is there: $store"
		fi
	fi
	[ ! -e "$store/config" ] || there=yes
fi
# A repository without a commit has a HEAD all the same, as Ansible has it.
if [ -n "$there" ]; then before=$(g rev-parse HEAD 2>/dev/null) || [ "$before" = HEAD ] || { g rev-parse HEAD >&2; exit 1; }; fi
# head_branch: prints the branch that HEAD is of, or, where it is none, that of the remote's HEAD.
head_branch() {
	name=$(g symbolic-ref -q HEAD) || name=$(g symbolic-ref -q "refs/remotes/$remote/HEAD") || die "the branch of HEAD in $dest cannot be found out"
	name=${name#refs/heads/}
	printf '%s\n' "${name#refs/remotes/"$remote"/}"
}
# refs REPOSITORY PATTERN…: prints what a repository has.
refs() { g ls-remote -- "$@" || die "$1 cannot be asked for its branches and tags"; }
is_branch() { named=$(refs "$1" "refs/heads/$version") || exit 1; [ -n "$named" ]; }
is_tag() { named=$(refs "$1" "refs/tags/$version") || exit 1; [ -n "$named" ]; }
# remote_head REPOSITORY [cloning]: prints the commit that version is there. One that is neither a branch nor a tag is taken for a commit.
remote_head() {
	if [ "$version" = HEAD ]; then
		if [ -n "$2" ]; then named=$(refs "$1" HEAD) || exit 1
		else named=$(head_branch) && named=$(refs "$1" "refs/heads/$named") || exit 1
		fi
	elif is_branch "$1"; then :
	elif is_tag "$1"; then
		named=$(refs "$1" "refs/tags/$version" "refs/tags/$version^{}") || exit 1
		named=$(printf '%s\n' "$named" | tail -n 1)
	else
		named=$(g rev-parse --verify --quiet "$version^{commit}" 2>/dev/null) || named=$version
	fi
	[ -n "$named" ] || die "Could not determine remote revision for $version"
	printf '%s\n' "$named" | awk 'NR == 1 { print $1 }'
}
# is_same URL: whether a URL is that of repo, whatever slashes it ends with.
is_same() {
	a=$1 b=$repo
	while :; do case $a in */) a=${a%/} ;; *) break ;; esac; done
	while :; do case $b in */) b=${b%/} ;; *) break ;; esac; done
	[ "$a" = "$b" ] || [ -n "$realm" ] && [ "$(printf %s "$a" | sed 's,^\([a-z]*://\)[^/@]*@,\1,')" = "$b" ]
}
