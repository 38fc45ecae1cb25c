# Leaves in dir where jobs are noted, as Ansible has it, and in job the directory of one of them.
# takes: id
# leaves: dir job
dir=${ANSIBLE_ASYNC_DIR:-$HOME/.ansible_async}
# shellcheck disable=SC2088 # the tilde is text here
case $dir in '~/'*) dir=$HOME/${dir#??} ;; esac
job=$dir/.$id
