# Completes p, the destination of a copy from s to p: in a directory, what is copied keeps its name, base. contents: s was written
# with a slash behind it, and means what is in it.
# takes: s p base contents
into=
if [ -z "$contents" ] && [ -d "$s" ]; then into=yes; fi
if [ -d "$p" ] && { [ -z "$contents" ] || [ ! -d "$s" ]; }; then into=yes; fi
if [ -n "$into" ]; then echo into yes; p=${p%/}/$base; fi
