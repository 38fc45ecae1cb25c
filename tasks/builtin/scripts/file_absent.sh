# Removes what is at p.
# uses: at_path
if [ -d "./$b" ] && [ ! -L "./$b" ]; then rm -rf -- "./$b"; else rm -f -- "./$b"; fi
