# Has find_program, which sets program to one of PostgreSQL's client programs. Those beside a server come first, of the newest release:
# what Debian has on PATH is a script in Perl, which looks for them too, and takes longer than they do.
# leaves: program
find_program() {
	program=
	for at in /usr/lib/postgresql/9*/bin /usr/lib/postgresql/1*/bin /usr/pgsql-9*/bin /usr/pgsql-1*/bin /usr/lib/postgresql1*/bin; do
		if [ -x "$at/$1" ]; then program=$at/$1; fi
	done
	if [ -z "$program" ]; then
		PATH=$PATH:/usr/local/bin:/usr/local/pgsql/bin:/u01/polardb_pg/bin
		program=$(command -v "$1") || program=
	fi
	[ -n "$program" ]
}
