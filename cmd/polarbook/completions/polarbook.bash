# Completion of polarbook for bash 4.2 and later. In ~/.bashrc: source <(polarbook completion bash)
_polarbook() {
	local program line kind word
	program=${1/#\~\//$HOME/}
	COMPREPLY=()
	kind=
	while IFS= read -r line; do
		if [[ -z $kind ]]; then
			kind=$line
			continue
		fi
		word=${line%%$'\t'*}
		COMPREPLY+=("$word")
		if [[ $word == *[=/] ]]; then compopt -o nospace; fi
	done < <("$program" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
	case $kind in
	files) compopt -o default ;;
	directories) compopt -o dirnames ;;
	esac
}
complete -F _polarbook polarbook
