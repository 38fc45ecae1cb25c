package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// place is a directory with a home and a system of its own.
func place(t *testing.T, env map[string]string) Place {
	t.Helper()
	dir := t.TempDir()
	p := Place{Dir: filepath.Join(dir, "work"), Home: filepath.Join(dir, "home"), System: filepath.Join(dir, "system.cfg")}
	for _, d := range []string{p.Dir, p.Home} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.Env = func(name string) (string, bool) { text, ok := env[name]; return text, ok }
	return p
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, p Place) *Settings {
	t.Helper()
	s, err := Load(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestParse has what Python 3.11's configparser makes of these, with ";" as a comment within lines and no interpolation.
func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "[a]\nKey = value\nother: x=y\n", "a.key=value@2 a.other=x=y@3"},
		{"comments", "# one\n[a] \n; two\nk = v ; three\nw = a;b # stays\n", "a.k=v@4 a.w=a;b # stays@5"},
		{"several lines", "[a]\nk = one\n  two\n\n  three\n\nl =\n\tx\n", "a.k=one\ntwo\n\nthree@2 a.l=\nx@7"},
		{"a comment in a value", "[a]\nk = one\n  # no\n  two ; no\n", "a.k=one\ntwo@2"},
		{"indented", "[a]\n  k = 1\n  l = 2\n    m\n", "a.k=1@2 a.l=2\nm@3"},
		{"percent", "[a]\nk = %%h %(x)s\n", "a.k=%%h %(x)s@2"},
		{"empty", "[a]\nk =\nl=\n", "a.k=@2 a.l=@3"},
		{"sections", "[a]\nk=1\n[b c]]\nk=2\n[DEFAULT]\nz=1\n[DEFAULT]\ny=2\n", "a.k=1@2 b c].k=2@4 DEFAULT.z=1@6 DEFAULT.y=2@8"},
		{"windows", "[a]\r\nk = v\r\nl = 2\r\n", "a.k=v@2 a.l=2@3"},
		{"no section", "k = v\n", "f:1: this line stands in no section"},
		{"no value", "[a]\nlonely\n", "f:2: \"lonely\" is neither"},
		{"no key", "[a]\n = v\n", "f:2: there is no key"},
		{"twice", "[a]\nk=1\nK=2\n", "f:3: k is here a second time"},
		{"section twice", "[a]\n[b]\n[a]\n", "f:3: the section [a] is here a second time"},
		{"not text", "[a]\nk=\xff\n", "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			options, err := parse("f", c.text)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %s", err, c.want)
				}
				return
			}
			var got []string
			for _, o := range options {
				got = append(got, fmt.Sprintf("%s.%s=%s@%d", o.section, o.key, o.text, o.line))
			}
			if all := strings.Join(got, " "); all != c.want {
				t.Errorf("got  %q\nwant %q", all, c.want)
			}
		})
	}
}

func TestTheFirstFileCounts(t *testing.T) {
	env := map[string]string{}
	p := place(t, env)
	named := filepath.Join(t.TempDir(), "mine.ini")
	files := []string{named, filepath.Join(p.Dir, "ansible.cfg"), filepath.Join(p.Home, ".ansible.cfg"), p.System}
	for i, f := range files {
		write(t, f, fmt.Sprintf("[defaults]\nforks = %d\n", i))
	}
	env["ANSIBLE_CONFIG"] = named
	for i, f := range files {
		s := load(t, p)
		if n, _, _ := s.Int(Forks); n != i || s.File != f {
			t.Errorf("%s with forks %d was read, want %s", s.File, n, f)
		}
		os.Remove(f)
	}
	if s := load(t, p); s.File != "" {
		t.Errorf("read %s", s.File)
	}
	env["ANSIBLE_CONFIG"] = p.Dir // a directory
	write(t, files[1], "[defaults]\nforks = 9\n")
	if s := load(t, p); s.File != files[1] {
		t.Errorf("read %q", s.File)
	}
	write(t, filepath.Join(p.Home, "x.conf"), "")
	env["ANSIBLE_CONFIG"] = "~/x.conf"
	if _, err := Load(p); err == nil || !strings.Contains(err.Error(), ".cfg or .ini") {
		t.Errorf("%v", err)
	}
}

// A directory where everybody may write could be given an ansible.cfg by anybody.
func TestAPublicDirectoryIsNotBelieved(t *testing.T) {
	env := map[string]string{}
	p := place(t, env)
	write(t, filepath.Join(p.Dir, "ansible.cfg"), "[defaults]\nforks = 9\n")
	if err := os.Chmod(p.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s := load(t, p)
	if s.File != "" || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "everybody may write") {
		t.Errorf("read %q, warnings %q", s.File, s.Warnings)
	}
	env["ANSIBLE_CONFIG"] = "ansible.cfg"
	if s := load(t, p); s.File == "" || len(s.Warnings) != 0 {
		t.Errorf("read %q, warnings %q", s.File, s.Warnings)
	}
}

func TestValues(t *testing.T) {
	env := map[string]string{"KEYS": "/keys", "ANSIBLE_TIMEOUT": "", "ANSIBLE_REMOTE_USER": "fromenv", "ANSIBLE_ROLES_PATH": "here:~/there"}
	p := place(t, env)
	write(t, filepath.Join(p.Dir, "ansible.cfg"), `
[defaults]
inventory = hosts, {{CWD}}/more , ~/mine
private_key_file = $KEYS/${NOT}id
remote_user = "fromfile"
timeout = 33
forks = 0x
gathering = sometimes
host_key_checking = nope
run = 1
[privilege_escalation]
become = Yes
[ssh_connection]
ssh_args = "-o X=y"
host_key_checking = True
[tags]
run = a, 'b'
`)
	s := load(t, p)
	paths, _ := s.Paths(Inventory, ",")
	if want := []string{p.Dir + "/hosts", p.Dir + "/more", p.Home + "/mine"}; !slices.Equal(paths, want) {
		t.Errorf("inventory %q, want %q", paths, want)
	}
	if roles, _ := s.Paths(RolesPath, ":"); !slices.Equal(roles, []string{p.Dir + "/here", p.Home + "/there"}) {
		t.Errorf("roles_path %q", roles)
	}
	if key := s.Path(PrivateKeyFile); key != "/keys/${NOT}id" {
		t.Errorf("private_key_file %q", key)
	}
	if s.Text(RemoteUser) != "fromenv" || s.Text(SSHArgs) != "-o X=y" {
		t.Errorf("remote_user %q, ssh_args %q", s.Text(RemoteUser), s.Text(SSHArgs))
	}
	if _, ok, err := s.Int(Timeout); ok || err != nil {
		t.Errorf("an empty variable is a number: %v", err)
	}
	if _, _, err := s.Int(Forks); err == nil || !strings.HasPrefix(err.Error(), "ansible.cfg:7: ") {
		t.Errorf("%v", err)
	}
	if _, err := s.OneOf(Gathering, "implicit", "explicit"); err == nil || !strings.HasPrefix(err.Error(), "ansible.cfg:8: ") {
		t.Errorf("%v", err)
	}
	if on, ok := s.Bool(HostKeyChecking); !on || !ok { // the later of its two sections
		t.Error("host keys are not verified")
	}
	if on, ok := s.Bool(Become); !on || !ok {
		t.Error("not become")
	}
	if tags, _ := s.List(RunTags); !slices.Equal(tags, []string{"a", "b"}) {
		t.Errorf("tags %q", tags)
	}
	var none *Settings
	if _, ok := none.Bool(Become); ok {
		t.Error("no settings say something")
	}
}

func TestWarnings(t *testing.T) {
	p := place(t, map[string]string{"ANSIBLE_MODULE_UTILS": "x", "ANSIBLE_STDOUT_CALLBACK": "yaml", "ANSIBLE_ERROR_ON_UNDEFINED_VARS": "no"})
	write(t, filepath.Join(p.Dir, "ansible.cfg"), `[defaults]
nocows = 1
stdout_callback = yaml
module_utils = ./lib
error_on_undefined_vars = True
fact_caching = jsonfile
nonsense = 1
[colors]
ok = blue
[galaxy_server.x]
url = y
[callback_profile_tasks]
z = 1
[ssh_connection]
control_path = %(directory)s/%%h
ssh_executable = /opt/ssh
[inventory]
enable_plugins = host_list, ansible.builtin.ini, aws_ec2
[DEFAULT]
forks = 3
`)
	want := []string{
		"ansible.cfg:4: polarbook does not read the setting module_utils of [defaults]",
		"ansible.cfg:6: fact_caching = jsonfile is not what polarbook does, which has memory here as Ansible's default is",
		"ansible.cfg:7: polarbook does not read the setting nonsense of [defaults]",
		"ansible.cfg:16: ssh_executable = /opt/ssh is not what polarbook does, which has ssh here as Ansible's default is",
		"ansible.cfg:18: polarbook has no inventory plugin aws_ec2",
		"ansible.cfg:20: settings in [DEFAULT] are not read by polarbook: move them to their section",
		"polarbook does not read the environment variable ANSIBLE_ERROR_ON_UNDEFINED_VARS",
		"polarbook does not read the environment variable ANSIBLE_MODULE_UTILS",
	}
	if s := load(t, p); !slices.Equal(s.Warnings, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(s.Warnings, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzParse: whatever a file holds, reading it ends, without a panic, in settings or in an error that names the file; keys and
// values have no space around them, and places are in the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "[a]\nk = v\n  w ; c\n\n# c\n[DEFAULT]\nx: y", "[defaults]\nssh_args = -o X=%%h\n\t-o Y", "[]\n=\n[a", "\ufeff[a]\r\n;\r\nk",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		options, err := parse("f.cfg", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.cfg") {
				t.Errorf("%v", err)
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, o := range options {
			if o.key == "" || o.key != strings.TrimSpace(o.key) || o.text != strings.TrimRight(o.text, " \t\n\r") || o.line < 1 || o.line > lines {
				t.Errorf("%+v", o)
			}
		}
		s := &Settings{place: Place{Dir: "/", Env: func(string) (string, bool) { return "x", true }}, given: map[Setting]Value{}}
		s.take(options, "f.cfg", "/dir")
		for name := range table {
			s.Path(name)
			s.Paths(name, ":")
			s.List(name)
			_, _, _ = s.Int(name)
		}
	})
}
