package sources

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// gitHere runs git in a directory of this machine's.
func gitHere(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit adds a file to a repository and returns the commit.
func commit(t *testing.T, repo, name, text string) string {
	t.Helper()
	taskstest.Write(t, filepath.Join(repo, name), text, 0o644)
	gitHere(t, repo, "add", name)
	gitHere(t, repo, "commit", "-q", "-m", name)
	return gitHere(t, repo, "rev-parse", "HEAD")
}

// upstream makes a repository with a tag v1, a branch side with a file of its own, and main.
func upstream(t *testing.T, dir string) (repo, first, side string) {
	t.Helper()
	repo = filepath.Join(dir, "it's up")
	gitHere(t, dir, "init", "-q", "-b", "main", repo)
	first = commit(t, repo, "a", "one\n")
	gitHere(t, repo, "tag", "-a", "-m", "v1", "v1")
	gitHere(t, repo, "checkout", "-q", "-b", "side")
	side = commit(t, repo, "side", "s\n")
	gitHere(t, repo, "checkout", "-q", "main")
	return repo, first, side
}

// does does a task and compares whether it changed something, and the commits before and after.
func does(t *testing.T, h *taskstest.LocalHost, args map[string]any, l tasks.Local, changed bool, before any, after string) map[string]any {
	t.Helper()
	_, result, err := taskstest.Attempt(t, h, "git", args, l)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if result.Changed != changed || result.Values["before"] != before || result.Values["after"] != after {
		t.Fatalf("%v: changed %v, %v", args, result.Changed, result.Values)
	}
	return result.Values
}

func TestGit(t *testing.T) {
	t.Setenv("GIT_CONFIG_COUNT", "1") // a submodule of a local path is refused otherwise
	t.Setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
	t.Setenv("GIT_CONFIG_VALUE_0", "always")
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l, asks := &taskstest.FakeLocal{}, &taskstest.FakeLocal{Checking: true, Diffing: true}
		repo, first, side := upstream(t, dir)
		dest := dir + "/new/it's here"
		args := map[string]any{"repo": repo, "dest": dest}
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "git", args, asks))
		if err != nil || !plan.Change || plan.Values["after"] != first || len(plan.Diff) != 1 {
			t.Fatalf("check mode: %+v, %v", plan, err)
		}
		if _, err := os.Lstat(dir + "/new"); err == nil {
			t.Fatal("check mode made something")
		}
		does(t, h, args, l, true, nil, first)
		does(t, h, args, l, false, first, first)
		taskstest.MustNotChange(t, h, "git", args, asks)
		if got := taskstest.Read(t, dest+"/a"); got != "one\n" {
			t.Errorf("a is %q", got)
		}

		second := commit(t, repo, "a", "two\n")
		args["update"] = false
		does(t, h, args, l, false, first, first)
		delete(args, "update")
		does(t, h, args, l, true, first, second)
		args["version"] = "side"
		does(t, h, args, l, true, second, side)
		does(t, h, args, l, false, side, side)
		args["version"] = "v1"
		does(t, h, args, l, true, side, first)
		taskstest.MustNotChange(t, h, "git", args, asks)
		args["version"] = second
		does(t, h, args, l, true, first, second)
		args["version"] = "HEAD" // of a working tree that is on no branch
		does(t, h, args, l, false, second, second)

		taskstest.Write(t, dest+"/a", "mine\n", 0o644)
		taskstest.Write(t, dest+"/untracked", "", 0o644)
		taskstest.MustFail(t, h, "git", args, l, "Local modifications")
		taskstest.MustFail(t, h, "git", args, asks, "Local modifications")
		if got := taskstest.Read(t, dest+"/a"); got != "mine\n" {
			t.Errorf("a is %q after the refusal", got)
		}
		args["force"] = true
		does(t, h, args, l, true, second, second)
		does(t, h, args, l, false, second, second)

		gitHere(t, dir, "clone", "-q", repo, dir+"/other")
		args["repo"] = dir + "/other/"
		if values := does(t, h, args, l, true, second, second); values["remote_url_changed"] != true {
			t.Errorf("the remote's URL: %v", values)
		}
		does(t, h, args, l, false, second, second)
		args["repo"] = dir + "/none"
		taskstest.MustFail(t, h, "git", args, l, "none")
		args["repo"], args["version"] = repo, "no-such"
		taskstest.MustFail(t, h, "git", args, l, "no-such")

		args = map[string]any{"repo": repo, "clone": false, "version": "v1"}
		does(t, h, args, l, true, nil, first)

		args = map[string]any{"repo": repo, "dest": dir + "/bare", "bare": true, "remote": "up"}
		does(t, h, args, l, true, nil, second)
		third := commit(t, repo, "b", "three\n")
		does(t, h, args, l, true, second, third)
		does(t, h, args, l, false, third, third)

		args = map[string]any{"repo": repo, "dest": dir + "/few", "depth": 1, "version": "side", "single_branch": true}
		does(t, h, args, l, true, nil, side)
		if n := gitHere(t, dir+"/few", "rev-list", "--count", "HEAD"); n != "1" {
			t.Errorf("%s commits with depth 1", n)
		}
		args["version"] = "main"
		does(t, h, args, l, true, side, third)
		does(t, h, args, l, false, third, third)

		args = map[string]any{"repo": "file://" + repo, "dest": dir + "/tagged", "depth": 1, "version": "v1"}
		does(t, h, args, l, true, nil, first)
		does(t, h, args, l, false, first, first)

		args = map[string]any{
			"repo": repo, "dest": dir + "/packed", "version": "v1", "umask": "077",
			"archive": dir + "/v1.tar.gz", "archive_prefix": "v/",
		}
		does(t, h, args, l, true, nil, first)
		if out, err := taskstest.Sh(t, "tar -tzf "+dir+"/v1.tar.gz; stat -c %a "+dir+"/v1.tar.gz "+dir+"/packed"); err != nil ||
			out != "v/\nv/a\n600\n700\n" {
			t.Errorf("the archive: %q, %v", out, err)
		}
		does(t, h, args, l, false, first, first)
		taskstest.Write(t, dir+"/v1.tar.gz", "another", 0o600)
		does(t, h, args, l, true, first, first)

		args = map[string]any{"repo": repo, "dest": dir + "/tree", "separate_git_dir": dir + "/store"}
		does(t, h, args, l, true, nil, third)
		does(t, h, args, l, false, third, third)
		args["separate_git_dir"] = dir + "/moved"
		if values := does(t, h, args, l, true, third, third); values["git_dir_now"] != dir+"/moved" || values["git_dir_before"] != dir+"/store" {
			t.Errorf("moved: %v", values)
		}
		does(t, h, args, l, false, third, third)
		args["separate_git_dir"] = dir + "/other"
		taskstest.MustFail(t, h, "git", args, l, "already exists")

		gitHere(t, repo, "submodule", "--quiet", "add", dir+"/other", "deps/a b")
		fourth := commit(t, repo, "c", "four\n")
		args = map[string]any{"repo": repo, "dest": dir + "/with"}
		if values := does(t, h, args, l, true, nil, fourth); values["submodules_changed"] != true {
			t.Errorf("submodules: %v", values)
		}
		does(t, h, args, l, false, fourth, fourth)
		if got := taskstest.Read(t, dir+"/with/deps/a b/a"); got != "two\n" {
			t.Errorf("the submodule's a is %q", got)
		}
		args["verify_commit"] = true
		taskstest.MustFail(t, h, "git", args, l, "verify GPG signature")
	})
}

// A password is on no command line of git's, and is given for its server alone.
func TestGitPassword(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		taskstest.Pretend(t, dir, map[string]string{"git": `printf '%s\n' "$*" >> "$STATE/asked"
case $* in
*--version) echo git version 2.39.5 ;;
*ls-remote*) sh -c "${4#credential.https://git.example.com:8443.helper=!} get" > "$STATE/helped"; echo "0123456789012345678901234567890123456789	HEAD" ;;
esac
`})
		args := map[string]any{"repo": "https://dba:s%24cret1@git.example.com:8443/x.git", "clone": false, "accept_hostkey": true,
			"key_file": "/k'y"}
		_, result, err := taskstest.Attempt(t, h, "git", args, l)
		if err != nil || result.Values["after"] != "0123456789012345678901234567890123456789" {
			t.Fatalf("%+v, %v", result, err)
		}
		asked := taskstest.Read(t, dir+"/asked")
		if strings.Contains(asked, "cret1") || !strings.Contains(asked, "https://git.example.com:8443/x.git HEAD") {
			t.Errorf("git was called so: %s", asked)
		}
		if got := taskstest.Read(t, dir+"/helped"); got != "username=dba\npassword=s$cret1\n" {
			t.Errorf("the helper says %q", got)
		}
		if strings.Join(l.Secrets, " ") != "s$cret1 s%24cret1" {
			t.Errorf("secrets: %q", l.Secrets)
		}
	})
}

func TestGitRefuses(t *testing.T) {
	for problem, args := range map[string]map[string]any{
		"dest":             {"repo": "/r"},
		"repo":             {"repo": "--upload-pack=x", "dest": "/d"},
		"version":          {"repo": "/r", "dest": "/d", "version": "-x"},
		"separate_git_dir": {"repo": "/r", "dest": "/d", "bare": true, "separate_git_dir": "/s"},
		"hostkey":          {"repo": "/r", "dest": "/d", "accept_hostkey": true, "accept_newhostkey": true},
		"umask":            {"repo": "/r", "dest": "/d", "umask": 22},
		"octal":            {"repo": "/r", "dest": "/d", "umask": "9"},
		"archive_prefix":   {"repo": "/r", "dest": "/d", "archive_prefix": "x/"},
		"tgz":              {"repo": "/r", "dest": "/d", "archive": "/x.rar"},
	} {
		if _, err := taskstest.ModuleNamed(t, "git").New(args, &taskstest.FakeLocal{}); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%v: %v", args, err)
		}
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		args := map[string]any{"repo": dir, "dest": dir + "/d", "executable": dir + "/no-git"}
		taskstest.MustFail(t, h, "git", args, &taskstest.FakeLocal{}, "install git")
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "git", args, &taskstest.FakeLocal{Checking: true}))
		if err != nil || plan.Unknown == "" {
			t.Errorf("check mode: %+v, %v", plan, err)
		}
	})
}
