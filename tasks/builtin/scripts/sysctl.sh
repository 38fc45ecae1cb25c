# Prints whether the kernel has the setting whose file is k, and its value.
# uses: preamble
# takes: k
if [ -e "$k" ]; then echo known yes; fi
if [ -r "$k" ]; then echo "live $(tr -s '[:space:]' ' ' < "$k")"; fi
