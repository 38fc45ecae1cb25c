# Touches what is at p.
# uses: on_it attributes file_times
dress() { set_times "$1"; give "$1"; }
dress_link() { set_times -h "$1"; give_owner "$1"; }
on_it
