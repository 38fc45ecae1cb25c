# entry DATABASE NAME: prints a line of a database of accounts: passwd, group or shadow.
entry() { if have getent; then getent "$1" "$2"; else grep "^$2:" "/etc/$1"; fi; }
