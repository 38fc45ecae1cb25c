# What takes the parts of a backup out of it: text for the shell of the engine's account. from is the backup's directory.
# shellcheck disable=SC2016,SC2034 # the inner shell's, for what uses it
fill='fill() { # PART, DIRECTORY
	if [ -d "$from/$1" ]; then cp -R "$from/$1/." "$2/"
	elif [ -f "$from/$1.tar.zst" ]; then zstd -q -d -c <"$from/$1.tar.zst" | tar -xmf - -C "$2"
	else gzip -d -c <"$from/$1.tar.gz" | tar -xmf - -C "$2"
	fi
}
contents() { if [ -f "$from/CONTENTS" ]; then echo "$from/CONTENTS"; else echo "$from/SHA256SUMS"; fi; }'
