# Prints the host's name, now and at the next boot.
# uses: preamble
echo "now $(uname -n)"
if [ -r /etc/hostname ]; then echo "boot $(sed -e '/^#/d' -e '/^$/d' /etc/hostname | head -n 1)"; fi
exit 0
