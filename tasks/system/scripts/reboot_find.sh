# Answers which program reboots the host: name, looked for in the directories that the words are, and where there is no name what the
# distribution has for it. plus: shutdown wants a + before the minutes.
# uses: preamble
# takes: name
id=$(sed -n 's/^ID="\{0,1\}\([a-z0-9._-]*\).*/\1/p' /etc/os-release 2>/dev/null | head -n 1)
case $id in void) echo plus yes ;; esac
if [ -z "$name" ]; then
	name=shutdown
	case $id in alpine) name=reboot; echo bare yes ;; esac
fi
for dir; do
	if [ -f "$dir/$name" ]; then echo "program $dir/$name"; break; fi
done
exit 0
