# rows: prints all packages that are installed. difference: prints what has come and gone since the beginning.
# uses: preamble
rows() { rpm -qa --qf '%{NAME}-%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}.%{ARCH}\n' | sort; }
before=$(rows)
difference() {
	after=$(rows)
	printf '%s\n' "$after" | while IFS= read -r p; do printf '%s\n' "$before" | grep -qxF -- "$p" || echo "Installed: $p"; done
	printf '%s\n' "$before" | while IFS= read -r p; do printf '%s\n' "$after" | grep -qxF -- "$p" || echo "Removed: $p"; done
	exit 0
}
