# Prints, for check mode, whether there are a virtual environment and pip, and what that has installed.
# uses: pip_begin
# takes: make
if [ -n "$venv" ] && [ ! -e "$venv/bin/activate" ]; then
	echo new yes
	exit 0
fi
find_pip || exit 0
printf %s "$pip" | encode pip
listed | encode list
exit 0
