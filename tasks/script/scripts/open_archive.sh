# opening: looks how the archive $s is packed and defines open, which writes it as tar takes it. Not every tar knows by itself what
# an archive is packed with. When it could not be unpacked to its end, there is a file $m.said.
# takes: s m
opening() {
	how=
	case $(od -An -tx1 -N6 < "$s" | tr -d ' \n') in
		1f8b*) how=gzip ;;
		fd377a585a00) how=xz ;;
		425a68*) how=bzip2 ;;
		28b52ffd*) how=zstd ;;
	esac
	if [ -z "$how" ]; then open() { cat < "$s"; }
	elif have $how; then open() { $how -dc < "$s" || [ $? -eq 141 ] || echo failed > "$m.said"; }
	else die "$how, which the archive is packed with, is not installed on this host"
	fi
}
