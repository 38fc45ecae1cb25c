# Gives the standard input to psql, which asks the server that PGHOST, PGPORT and the like name. Exits with 97 when there is no psql.
# uses: programs
find_program psql || exit 97
cd / || exit 1
exec "$program" -X -q -w -v ON_ERROR_STOP=1 -f -
