# What every sh reads before anything else, in order and outside of any compound command, so that the rest is read in the
# locale and with the functions that it sets. Whatever the account's profile, sshd's SetEnv or PAM exported, a script then runs
# as on any other host: what a login may have changed in the shell itself or in how the tools that scripts call behave and print
# is taken back. What tells where to find something, such as http_proxy, stays.
#
# Functions go first, by words that a POSIX bash looks up before functions. Only bash has BASHPID, whatever is exported to the
# others.
#
# The shell itself stays in the C locale: bash takes seconds for a megabyte of script in another. Scripts get C.UTF-8 where it
# is, for a locale that is not there makes tools complain. LC_MESSAGES is for bash alone, whose C library goes on seeing the
# LANGUAGE that it was started with.
#
# Administrators' tools live in sbin, which the PATH of a login often lacks. A home that the new user may not enter is left, or
# every tool would complain.
# leaves: __polarbook_l
# shellcheck disable=SC3028,SC2254,SC3040,SC3041,SC3044 # only bash comes here
case ${BASHPID-} in
	$$)
		set +abefkuvxC
		set +o pipefail
		unset POSIXLY_CORRECT
		set -o posix
		unset -f command declare shopt
		for __polarbook_f in $(declare -F); do command unset -f -- "$__polarbook_f"; done 2>/dev/null
		shopt -u nocasematch nocaseglob nullglob failglob dotglob globstar extglob xpg_echo lastpipe extdebug 2>/dev/null
		export -n SHELLOPTS BASHOPTS
		unset __polarbook_f
	;;
	*) unset POSIXLY_CORRECT ;;
esac
unset IFS ENV BASH_ENV BASH_COMPAT CDPATH FUNCNEST GLOBIGNORE PROMPT_COMMAND TMOUT
unset GREP_OPTIONS GREP_COLOR GREP_COLORS TAR_OPTIONS GZIP BZIP2 XZ_OPT XZ_DEFAULTS ZSTD_CLEVEL
unset BLOCKSIZE BLOCK_SIZE DF_BLOCK_SIZE DU_BLOCK_SIZE LS_BLOCK_SIZE QUOTING_STYLE TIME_STYLE COLUMNS
unset LANGUAGE LC_ALL LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES
unset LC_PAPER LC_NAME LC_ADDRESS LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION
IFS=' 	
'
LANG=C LC_MESSAGES=C __polarbook_l=C
[ -d /usr/lib/locale/C.utf8 ] || [ -d /usr/lib/locale/C.UTF-8 ] && __polarbook_l=C.UTF-8
case ":$PATH:" in
	*:/usr/sbin:*) ;;
	*) PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/sbin:/sbin ;;
esac
export PATH LANG
cd . 2>/dev/null || cd /
