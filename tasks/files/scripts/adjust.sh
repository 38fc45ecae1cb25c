# Gives what is at p, or what it leads to, its attributes and nothing else.
# uses: on_it attributes
dress() { give "$1"; }
dress_link() { give_owner "$1"; }
on_it
