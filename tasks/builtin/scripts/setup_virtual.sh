# Prints what the host runs on, where it is no machine of its own.
if have systemd-detect-virt; then echo "virtual $(systemd-detect-virt 2>/dev/null)"; fi
if [ -e /.dockerenv ]; then echo 'virtual docker'; fi
