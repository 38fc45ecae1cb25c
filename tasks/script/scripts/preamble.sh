# Begins every script that is ours: answers must not be translated, and accounts entered with su lack the directories that
# useradd and sysctl are in.
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
die() { printf '%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
