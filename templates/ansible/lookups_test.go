package ansible

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/jinja"
)

// lookupsIn renders expressions in a directory with some files.
func lookupsIn(t *testing.T, files map[string]string) (directory string, render func(expression string) (any, error)) {
	t.Helper()
	directory = t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	engine := jinja.NewEngine(jinja.Options{Read: os.ReadFile, Directories: []string{directory}, Outside: true,
		Hosts: func(patterns []string) ([]string, error) { return strings.Split(strings.Join(patterns, "+"), ":"), nil }}, All())
	return directory, func(expression string) (any, error) {
		return engine.Render("{{ "+expression+" }}", jinja.Map{"d": directory})
	}
}

func (table agreed) checkIn(t *testing.T, render func(string) (any, error)) {
	t.Helper()
	for _, c := range table {
		got, err := render(c[0])
		problem, fails := strings.CutPrefix(c[1], "!")
		switch {
		case fails:
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: %v, %v, want an error with %q", c[0], got, err, problem)
			}
		case err != nil || jinja.Text(got) != c[1]:
			t.Errorf("%s: %s, %v, want %s", c[0], jinja.Text(got), err, c[1])
		}
	}
}

func TestLookupsOfTables(t *testing.T) {
	_, render := lookupsIn(t, map[string]string{
		"staff.csv": "Last,First,Mail\nReed,Ann,\"ann@a.test, x\"\n\"O\"\"Neil\",Bo,\"two\nlines\"\n\nLee,C\"c,\"d\"d\n",
		"seats.csv": "a 1 2\nb 3 4\n", "ansible.csv": "x\ty\tz\n", "old.csv": "k;\xe9\n",
		"app.ini":        "[DEFAULT]\nhome = /srv\n[db]\nPort=5432\npath: %(home)s/db\nlong = one\n   two\n; no\n\n   three\npct=5%%\nempty=\n[web]\nport = 80 ; kept\n",
		"app.properties": "a.b=c\n", "bare.ini": "[m]\nskip\nuser=root\n", "twice.ini": "[d]\na=1\nA=2\n", "none.ini": "a=1\n",
	})
	agreed{
		{"lookup('csvfile', 'Ann', file='staff.csv', delimiter=',', col=0, keycol=1)", "Reed"},
		{"lookup('csvfile', 'Reed file=staff.csv delimiter=, col=2')", "ann@a.test, x"},
		{"lookup('csvfile', 'O\"Neil', file='staff.csv', delimiter=',', col=2)", "!a quote is not closed"},
		{"lookup('csvfile', 'Bo', file='staff.csv', delimiter=',', col=0, keycol=1)", `O"Neil`},
		{"lookup('csvfile', 'Bo', file='staff.csv', delimiter=',', col=2, keycol=1)", "two\nlines"},
		{"lookup('csvfile', 'Lee', file='staff.csv', delimiter=',', col='2')", "dd"}, {"lookup('csvfile', 'x')", "y"},
		{"lookup('csvfile', 'a', 'b', file='seats.csv', delimiter=' ')", "1,3"}, {"lookup('csvfile', 'n', default='d')", "d"},
		{"query('csvfile', 'n')", "[]"}, {"lookup('csvfile', 'x', col=9)", "!has 3 columns"}, {"lookup('csvfile', 'x', file='no')", "!does not exist"},
		{"lookup('csvfile', 'k', file='old.csv', delimiter=';', encoding='latin-1')", "é"}, {"lookup('csvfile', 'x', colum=1)", "!did you mean"},
		{"lookup('ini', 'port', section='db', file='app.ini')", "5432"}, {"lookup('ini', 'path section=db file=app.ini')", "/srv/db"},
		{"lookup('ini', 'port', section='web', file='app.ini')", "80 ; kept"}, {"lookup('ini', 'long', section='db', file='app.ini')", "one\ntwo\n\nthree"},
		{"lookup('ini', 'pct', section='db', file='app.ini')", "5%"}, {"lookup('ini', 'pct', section='db', file='app.ini', interpolation=false)", "5%%"},
		{"lookup('ini', 'PORT', section='db', file='app.ini')", "5432"}, {"lookup('ini', 'empty', section='db', file='app.ini')", ""},
		{"lookup('ini', 'port', section='db', file='app.ini', case_sensitive=true)", ""}, {"query('ini', 'p.*', section='db', file='app.ini', re=true)", "['5432', '/srv/db', '5%']"},
		{"lookup('ini', 'n', section='db', file='app.ini', default='d')", "d"}, {"lookup('ini', 'x', section='dbs', file='app.ini')", `!has no section [dbs]; did you mean "db"?`},
		{"lookup('ini', 'a.b', type='properties', file='app.properties')", "c"}, {"lookup('ini', 'skip', section='m', file='bare.ini', allow_no_value=true)", "[]"},
		{"lookup('ini', 'user', section='m', file='bare.ini')", "!line 2 has no = or :"}, {"lookup('ini', 'a', section='d', file='twice.ini')", "!a is there twice"},
		{"lookup('ini', 'A', section='d', file='twice.ini', case_sensitive=yes|default(true))", "2"}, {"lookup('ini', 'a', file='none.ini')", "!before any section"},
		{"lookup('subelements', [{'n': 1, 'l': [2, 3]}], 'l')", "[[{'n': 1}, 2], [{'n': 1}, 3]]"}, {"lookup('fileglob', 'nothing*')", "[]"},
		{"lookup('inventory_hostnames', 'a:b')", "a,b"}, {"query('inventory_hostnames', ['a', 'b'])", "['a+b']"},
	}.checkIn(t, render)
}

func TestLookupsOfCommands(t *testing.T) {
	directory, render := lookupsIn(t, nil)
	agreed{
		{"lookup('pipe', 'echo a; echo b; echo')", "a\nb"}, {"lookup('pipe', 'pwd -P') | basename == d | basename", "True"},
		{"query('pipe', 'echo a', 'echo b')", "['a', 'b']"}, {"query('lines', 'printf \"a\\n\\nb\"')", "['a', '', 'b']"}, {"query('lines', 'true')", "[]"},
		{"lookup('pipe', 'echo no >&2; exit 3')", "!exit status 3: no"}, {"lookup('pipe', 'exit 3', errors='ignore')", "None"},
	}.checkIn(t, render)
	agreed{{"lookup('pipe', 'touch " + directory + "/x')", "!nothing can be run"},
		{"lookup('url', 'http://127.0.0.1/')", "!nothing can be run"},
		{"lookup('password', '" + directory + "/x')", "!nothing can be run"}}.check(t)
}

func TestLookupOfPasswords(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	directory, render := lookupsIn(t, nil)
	agreed{
		{"lookup('password', '/dev/null', seed='x') | length", "20"}, {"lookup('password', '/dev/null length=5 chars=digits') is regex('^[0-9]{5}$')", "True"},
		{"lookup('password', '/dev/null', seed='x') == lookup('password', '/dev/null seed=x')", "True"}, {"lookup('password', d ~ '/sub/pw seed=q')", "6GeFu_x,OHJ4YxfgY3:N"},
		{"lookup('password', 'sub/pw')", "6GeFu_x,OHJ4YxfgY3:N"}, {"lookup('password', 'bc encrypt=bcrypt') == lookup('password', 'bc encrypt=bcrypt')", "True"},
		{"lookup('password', 'bc encrypt=bcrypt ident=2y')", "!is not the one in"}, {"lookup('password', 'bc', encrypt='sha512')", "!encrypt knows md5_crypt"},
		{"lookup('password', '/dev/null lenght=8')", `!no option "lenght"`}, {"lookup('password', '/dev/null length=4 oops')", "!stands behind the options"},
		{"lookup('password', 'a b length=4') | length", "4"}, {"lookup('password', '/dev/null chars=,, length=2')", ",,"},
	}.checkIn(t, render)
	for name, mode := range map[string]os.FileMode{"sub": 0o700, "sub/pw": 0o600, "a b": 0o600} {
		if info, err := os.Stat(filepath.Join(directory, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(directory, "bc")); err != nil || !strings.HasSuffix(string(data), " ident=2b\n") {
		t.Errorf("%q, %v", data, err)
	}
	if left, err := filepath.Glob(filepath.Join(directory, "*lockfile")); err != nil || left != nil {
		t.Error(left, err)
	}
}

func TestLookupOfServers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch r.URL.Path {
		case "/on":
			http.Redirect(w, r, "/lines", http.StatusFound)
		case "/lines":
			_, _ = w.Write([]byte("one\r\ntwo\n"))
		case "/who":
			_, _ = w.Write([]byte(user + " " + password + " " + r.Header.Get("X-A") + " " + r.UserAgent() + " " + r.Header.Get("Cache-Control")))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	directory, render := lookupsIn(t, map[string]string{"f": "in a file\n"})
	at := func(path string) string { return "'" + server.URL + path + "'" }
	agreed{
		{"query('url', " + at("/lines") + ")", "['one', 'two']"}, {"lookup('url', " + at("/lines") + ", split_lines=false)", "one\r\ntwo\n"},
		{"lookup('url', " + at("/on") + ")", "one,two"}, {"lookup('url', " + at("/on") + ", follow_redirects='none')", "!answered 302"},
		{"lookup('url', " + at("/who") + ", username='u', password='p', headers={'X-A': 1}, force=true)", "u p 1 ansible-httpget no-cache"},
		{"lookup('url', " + at("/none") + ")", "!answered 404"}, {"lookup('url', 'file://" + directory + "/f')", "in a file"},
		{"lookup('url', 'gopher://h')", "!by http, https or file"}, {"lookup('url', 'http://h', ciphers='x')", "!ciphers is not supported"},
	}.checkIn(t, render)
}
