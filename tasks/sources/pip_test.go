package sources

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// fakePip keeps what is installed in files of $STATE, and notes how it was called.
const fakePip = `printf '%s|%s|%s\n' "$*" "$PIP_INDEX_URL" "$PWD" >> "$STATE/called"
case $1 in
list) cat "$STATE/installed" 2>/dev/null; exit 0 ;;
install)
	for last in "$@"; do :; done
	case $last in *bad*) echo broken >&2; exit 1 ;; esac
	if grep -qx "$last" "$STATE/installed" 2>/dev/null; then echo "Requirement already satisfied: $last"; exit 0; fi
	echo "$last" >> "$STATE/installed"
	echo "Successfully installed $last" ;;
uninstall)
	grep -qx "$3==1" "$STATE/installed" || { echo "WARNING: Skipping $3 as it is not installed." >&2; exit 0; }
	grep -vx "$3==1" "$STATE/installed" > "$STATE/left"; mv "$STATE/left" "$STATE/installed"
	echo "Successfully uninstalled $3-1" ;;
esac
`

func TestPip(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{"pip3": fakePip, "virtualenv": `case $1 in --help) exit 0 ;; esac
printf '%s\n' "$*" > "$STATE/made"; echo made; for d in "$@"; do :; done; mkdir -p "$d/bin"; : > "$d/bin/activate"; cp "$STATE/pip3" "$d/bin/pip" 2>/dev/null || cp "$(command -v pip3)" "$d/bin/pip"
`})
		l, asks := &taskstest.FakeLocal{}, &taskstest.FakeLocal{Checking: true}
		called := func() string {
			lines := strings.Split(strings.TrimSpace(taskstest.Read(t, dir+"/called")), "\n")
			return lines[len(lines)-1]
		}
		run := func(changed bool, args map[string]any) map[string]any {
			t.Helper()
			_, result, err := taskstest.Attempt(t, h, "pip", args, l)
			if err != nil || result.Changed != changed {
				t.Fatalf("%v: changed %v, %v, %v", args, result.Changed, err, result.Values)
			}
			return result.Values
		}
		check := func(changed bool, args map[string]any) {
			t.Helper()
			plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "pip", args, asks))
			if err != nil || plan.Change != changed {
				t.Fatalf("check %v: %v, %v", args, plan.Change, err)
			}
		}
		one := map[string]any{"name": "it's", "version": "1"}
		check(true, one)
		run(true, map[string]any{"name": "demo==1"})
		run(false, map[string]any{"name": "demo", "version": "1"})
		if got := called(); got != "install demo==1||/" {
			t.Errorf("called %q", got)
		}
		check(false, map[string]any{"name": "Demo>=0.9,<2"})
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "pip", map[string]any{"name": "demo"}, asks))
		if err != nil || plan.Values["stdout"] != "demo==1\n" || plan.Values["stderr"] != "" {
			t.Errorf("check mode returns %q, %v", plan.Values, err)
		}
		check(true, map[string]any{"name": []any{"demo>1", "<2"}})
		check(true, map[string]any{"name": "demo", "state": "absent"})
		check(true, map[string]any{"name": "demo", "state": "latest"})
		check(true, map[string]any{"requirements": "r.txt"})
		run(true, map[string]any{"name": "demo", "state": "absent"})
		run(false, map[string]any{"name": "demo", "state": "absent"})
		check(false, map[string]any{"name": "demo", "state": "absent"})

		run(true, map[string]any{"name": "x==1", "extra_args": "--quiet -i https://u:s3cret@pypi.example.com/ --no-deps", "chdir": dir,
			"editable": true})
		if got := called(); got != "install --quiet --no-deps -e x==1|https://u:s3cret@pypi.example.com/|"+dir {
			t.Errorf("called %q", got)
		}
		if strings.Join(l.Secrets, " ") != "s3cret" {
			t.Errorf("secrets %q", l.Secrets)
		}
		run(true, map[string]any{"requirements": "r.txt"})
		run(false, map[string]any{"requirements": "r.txt"})

		env := map[string]any{"name": "x==1", "virtualenv": dir + "/it's a venv", "virtualenv_site_packages": true}
		check(true, env)
		values := run(true, env)
		if cmd, ok := values["cmd"].([]any); !ok || cmd[0] != dir+"/it's a venv/bin/pip" {
			t.Errorf("cmd is %v", values["cmd"])
		}
		if got := taskstest.Read(t, dir+"/made"); got != "--system-site-packages "+dir+"/it's a venv\n" {
			t.Errorf("virtualenv was called with %q", got)
		}
		run(false, env)
		home := map[string]any{"name": "x==1", "virtualenv": dir + "/home", "virtualenv_command": "$STATE/virtualenv --prompt 'in $STATE' ~"}
		run(true, home)
		if got := taskstest.Read(t, dir+"/made"); got != "--prompt in "+dir+" ~ "+dir+"/home\n" {
			t.Errorf("virtualenv was called with %q", got)
		}
		inside := run(true, map[string]any{"name": "y==1", "virtualenv": "inside", "chdir": dir})
		if inside["virtualenv"] != dir+"/inside" || inside["stdout"] != "made\nSuccessfully installed y==1\n" {
			t.Errorf("in chdir: %q", inside)
		}
		quiet := run(false, map[string]any{"name": "demo", "state": "absent", "executable": "pip3"})
		if cmd, ok := quiet["cmd"].([]any); !ok || !strings.HasPrefix(cmd[0].(string), "/") || quiet["stdout"] != "" {
			t.Errorf("by name: %q", quiet)
		}
		check(true, map[string]any{"name": "x==1", "extra_args": "-i https://u:s3cret@pypi.example.com/"})
		taskstest.MustFail(t, h, "pip", map[string]any{"name": "bad"}, l, "broken")
		none := map[string]any{"name": "x", "executable": "pip-none"}
		taskstest.MustFail(t, h, "pip", none, l, "there is no pip-none")
		if plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "pip", none, asks)); err != nil || plan.Unknown == "" {
			t.Errorf("check mode without pip: %+v, %v", plan, err)
		}
	})
	for problem, args := range map[string]map[string]any{
		"is required":      {},
		"exclude":          {"name": "a", "requirements": "b"},
		"virtualenv":       {"name": "a", "executable": "pip", "virtualenv": "/v"},
		"latest":           {"name": "a", "state": "latest", "version": "1"},
		"for one package":  {"name": []any{"a", "b"}, "version": "1"},
		"given twice":      {"name": "a>1", "version": "1"},
		"by its name":      {"name": "file:///a.whl", "version": "1"},
		"octal":            {"name": "a", "umask": "9"},
		"no package":       {"name": "--upgrade"},
		"is for virtualen": {"name": "a", "virtualenv": "/v", "virtualenv_command": "python3 -m venv", "virtualenv_python": "python3"},
	} {
		if _, err := taskstest.ModuleNamed(t, "pip").New(args, &taskstest.FakeLocal{}); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestPipVersions(t *testing.T) {
	for text, want := range map[string]bool{
		"a==1.0": true, "a == 1.0.0": true, "A": true, "a[x,y]>=1; python_version > '3'": true, "a>1.0": false, "a!=1": false, "a~=0.9": false,
		"a~=1.0": true, "a==1.*": true, "a!=1.*": false, "a<1.0.post1,>1.0rc1": true, "a>1.0a2,<=1": true, "b": false, "a<1.0.dev3": false,
		"a>0.9,<1.1": true, "git+https://x/a": false, "a===1.0": true, "a===1": false, "a==1!1.0": false, "a (>=1)": true,
	} {
		if got := readRequirement(text).in(map[string]string{"a": "1.0"}); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	order := strings.Fields("1.0.dev1 1.0a1.dev2 1.0a1 1.0b2 1.0rc1 1.0 1.0.post1 1.1 2!0.1")
	for i := range order[1:] {
		if readVersion(order[i]).compare(readVersion(order[i+1])) >= 0 {
			t.Errorf("%s is not before %s", order[i], order[i+1])
		}
	}
	for in, want := range map[string]string{
		"django>1,<2,ip|simple>1|<2": "django>1,<2|ip|simple>1,<2", "a[x,y]|b": "a[x,y]|b",
	} {
		if got := strings.Join(joinRequirements(strings.Split(in, "|")), "|"); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
