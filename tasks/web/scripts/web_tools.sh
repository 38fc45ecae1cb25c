# Prints what there is to make requests with: curl, wget (GNU's, or another that knows less), credentials of .netrc and proxies.
# uses: preamble encode
# takes: netrc
if have curl; then
	case $(curl --version 2>&1) in
	*HTTP2*) echo curl http2 ;;
	*) echo curl yes ;;
	esac
fi
if have wget; then
	case $(wget --version 2>&1) in
	*'GNU Wget'*) echo wget gnu ;;
	*)
		# Debian's busybox is built without -T, and dies of it.
		case $(wget --help 2>&1) in *'-T '*) echo wget timed ;; *) echo wget other ;; esac
		;;
	esac
fi
for f in http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY; do
	eval "v=\${$f-}"
	if [ -n "$v" ]; then echo "proxy $f=$v"; fi
done
f=${NETRC:-$HOME/.netrc}
if [ -n "$netrc" ] && [ -f "$f" ] && [ -r "$f" ]; then encode netrc < "$f"; fi
