#compdef polarbook
# Completion of polarbook for zsh. As _polarbook in a directory of $fpath, or in ~/.zshrc behind compinit:
# source <(polarbook completion zsh)
_polarbook() {
	local program kind line value says
	local -a lines values shown open opened
	program=${words[1]/#\~\//$HOME/}
	lines=("${(@f)$("$program" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
	kind=$lines[1]
	for line in "${(@)lines[2,-1]}"; do
		value=${line%%$'\t'*}
		says=${line#*$'\t'}
		[[ -n $says ]] && says="$value  -- $says" || says=$value
		if [[ $value == *[=/] ]]; then
			open+=("$value") opened+=("$says")
		else
			values+=("$value") shown+=("$says")
		fi
	done
	(($#open)) && compadd -S '' -l -d opened -a open
	(($#values)) && compadd -l -d shown -a values
	case $kind in
	files | directories)
		[[ $PREFIX == --*=* ]] && compset -P '*='
		if [[ $kind == files ]]; then _files; else _files -/; fi
		;;
	esac
}
if [[ $funcstack[1] == _polarbook ]]; then
	_polarbook "$@"
else
	compdef _polarbook polarbook
fi
