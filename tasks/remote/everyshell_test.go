package remote

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// sizes are below, at and above every size from which on a request or its input goes another way: a pipe's atomic
// write, what bash reads in one piece, what shells read ahead, a pipe, and a window of SSH.
var sizes = []int{0, 1, readWhole / 2, readWhole, 4 << 10, 8<<10 + 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 300 << 10}

// padded makes a script at least so long, with what comes first.
func padded(script string, size int) string {
	const line = "x='it is a long script'\n"
	return strings.Repeat(line, size/len(line)+1)[:size/len(line)*len(line)] + script
}

// TestEveryRequestWithEachShell sends requests of every form and size to one shell after the other, over and over: a
// request must leave the shell as it was.
func TestEveryRequestWithEachShell(t *testing.T) {
	t.Parallel()
	withEachShell(t, func(t *testing.T, s *Shell) {
		// A script may do with its descriptors what it likes, those too that the shell reads its program from.
		const scripts = `exec 3<&0 4<&0
[ -z "$A" ] || [ "$A" = "a 'b'" ] || exit 9
exec 3<&- 5</dev/null
cat
exec </dev/null
cat <&5
{ cat; } </dev/null
{ cat; } 3<&0
exec 0<&-
echo end >&2
exit 3`
		for _, size := range sizes {
			script := padded(scripts, size)
			plain := bytes.Repeat([]byte("it's\n"), size/5+1)[:size]
			for form, input := range map[string][]byte{"no input": nil, "plain": plain, "binary": content(size)} {
				check := func(what string, r Result, err error, want []byte) {
					t.Helper()
					if err != nil || r.Status != 3 || string(r.Stderr) != "end\n" || !bytes.Equal(r.Stdout, want) {
						t.Fatalf("%s, %d bytes, %s: status %d, stdout %d bytes, stderr %.200q, %v", what, size, form, r.Status, len(r.Stdout), r.Stderr, err)
					}
				}
				r, err := s.Run(testContext(t), Command{Script: script, Stdin: input, Env: map[string]string{"A": "a 'b'"}})
				check("run", r, err, input)
				r, err = s.Stream(testContext(t), Command{Script: script, Stdin: input, Dir: "/usr"}, nil, nil, nil)
				check("stream", r, err, input)
				if input != nil {
					r, err := s.Stream(testContext(t), Command{Script: script}, bytes.NewReader(input), nil, nil)
					check("stream of a reader", r, err, input)
				}
			}
			if r := run(t, s, padded("pwd", size)+"; echo $x"); r.Status != 0 || !strings.HasPrefix(string(r.Stdout), "/") {
				t.Fatalf("afterwards: %+v", r)
			}
		}
		if got := s.host.Stats().Sessions; got > 200 {
			t.Errorf("%d sessions: the shell was lost in between", got)
		}
	})
}

// hostileLogin is what the profile of a site, sshd's SetEnv or ~/.ssh/environment may export.
func hostileLogin(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir+"/startup", "echo a start-up file was read; echo and noticed >&2\nalias cat='echo an alias'\ncd /var\nset -eu\n")
	env := []string{
		"TMOUT=1", "BASH_ENV=" + dir + "/startup", "ENV=" + dir + "/startup", "PROMPT_COMMAND=echo prompt", "CDPATH=/:/usr",
		"GREP_OPTIONS=--color=always -v", "GREP_COLOR=1", "GREP_COLORS=mt=1", "POSIXLY_CORRECT=1", "IFS=/a", "FUNCNEST=1", "GLOBIGNORE=*",
		"BASH_VERSION=9", "BASHPID=1", "BASH_COMPAT=3.1", "BASHOPTS=nocasematch:failglob:nullglob:xpg_echo:expand_aliases",
		"SHELLOPTS=errexit:nounset:noglob:allexport:noclobber:pipefail", "LC_ALL=zh_CN.GB18030", "LANGUAGE=de", "TAR_OPTIONS=--nonsense",
		"PS4=$(echo x >&2)", "COLUMNS=3", "QUOTING_STYLE=c", "TIME_STYLE=iso",
	}
	// bash exports functions so, its older versions without the suffix.
	for _, name := range []string{
		"cat", "cd", "command", "declare", "grep", "head", "kill", "mkdir", "printf", "pwd", "read", "rm", "sed", "sh",
		"sleep", "true", "test", "[",
	} {
		body := "() {  echo a function of the site; return 7\n}"
		env = append(env, "BASH_FUNC_"+name+"%%="+body)
		if name != "[" {
			env = append(env, name+"="+body)
		}
	}
	return env
}

// TestWhatALoginExportsDoesNothing runs the same with and without it.
func TestWhatALoginExportsDoesNothing(t *testing.T) {
	t.Parallel()
	const script = `cd usr 2>&1
cd /usr && pwd
printf '%s|' a/b banana; echo
for x in /etc/host?ame; do echo "$x"; done
case A in a) echo folds case ;; *) echo case counts ;; esac
for x in /nonexistent/*; do echo "$x"; done
echo 'a\\b' | sed 's/x/y/'
false | true; echo "pipe $?"
printf 'one\ntwo\n' | grep one
f() { [ "$1" = 0 ] || f $(($1 - 1)); }
f 5; echo "nested $?"
v=$(printf '\344\\\\BACKQUOTE'); echo ${#v}
echo ${unset_variable-}x >>/dev/null
v=local; sh -c 'echo "${v-not exported}"'
echo 数据库 | cat
set -- $(echo 'a b'); echo $#
tar --version >/dev/null; echo "tar $?"
cat /nonexistent
echo "${LC_ALL-none} ${LANGUAGE-none} ${POSIXLY_CORRECT+posix}" | sed 's/posix$//'
ls -d /etc
`
	results := func(t *testing.T, path string, env []string) string {
		h := connect(t, (&fakeServer{shell: path, env: env}).start(t).config())
		s := openTestShell(t, h, Become{})
		var b strings.Builder
		for _, size := range []int{0, 2 * readWhole} {
			c := Command{Script: padded(strings.ReplaceAll(script, "BACKQUOTE", "`"), size)}
			r := runCommand(t, s, c)
			fmt.Fprintf(&b, "run: %d\n%s%s", r.Status, r.Stdout, r.Stderr)
			r, err := s.Stream(testContext(t), c, nil, nil, nil)
			fmt.Fprintf(&b, "stream: %d %v\n%s%s", r.Status, err, r.Stdout, r.Stderr)
			r, err = s.Stream(testContext(t), c, strings.NewReader("x"), nil, nil)
			fmt.Fprintf(&b, "stream with input: %d %v\n%s%s", r.Status, err, r.Stdout, r.Stderr)
		}
		fmt.Fprintf(&b, "%s", run(t, s, `(sleep 1.1; echo late) | { read -r x; echo "read $x"; }`).Stdout)
		u := Upload{Source: strings.NewReader(padded("", smallUpload+1000)), Size: smallUpload, Path: t.TempDir() + "/f"}
		fmt.Fprintf(&b, "small upload: %v\n", s.Upload(testContext(t), u))
		u.Size++
		fmt.Fprintf(&b, "large upload: %v\n", s.Upload(testContext(t), u))
		dir := t.TempDir()
		l := lock(t, h, anna(t), dir)
		fmt.Fprintf(&b, "holder: %d\n", runCommand(t, s, Command{Script: HolderScript(dir)}).Status)
		l.Release()
		lock(t, h, bert(t), dir).Release()
		return b.String()
	}
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := results(t, path, nil), results(t, path, hostileLogin(t))
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if !strings.Contains(want, "read late\n") || !strings.Contains(want, "/usr\na/b|banana|\n") {
				t.Errorf("the script says nothing:\n%s", want)
			}
		})
	}
}
