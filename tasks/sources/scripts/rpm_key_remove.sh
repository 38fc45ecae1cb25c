# Has rpm forget the keys with the id: its last 8 digits, in small letters.
# uses: preamble
# takes: id
rpm --erase --allmatches "gpg-pubkey-$id"
