# Prints the path of the file p, whether there is the account, whether the directory above that of the file p is there, and what is in the file source.
# uses: preamble look
# takes: user p source
if [ "$(id -un -- "$user" 2>/dev/null)" = "$user" ]; then echo account yes; fi
printf '%s' "$p" | encode keyfile || exit 1
above=${p%/*} above=${above%/*}
if [ -d "${above:-/}" ]; then echo above yes; fi
if [ -z "$source" ]; then :
elif [ -f "$source" ]; then encode keys < "$source" || exit 1
elif [ -e "$source" ]; then echo source directory
else echo source absent
fi
