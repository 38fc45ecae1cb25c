# forget_former: removes what an earlier release kept beside PGDATA.
# uses: preamble inside
# takes: PGDATA
forget_former() {
	spot "$PGDATA" || exit 1
	rm -rf -- "./$b.conf-before" "./$b.conf-before.new"
}
