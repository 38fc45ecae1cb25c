# Leaves in make how useradd makes the home directory: by its path, which is for where only root can have that lead elsewhere, or
# not at all.
# uses: preamble strangers
# takes: home
# leaves: make
make=-m
[ -z "$(strangers "${home%/*}")" ] || make=-M
