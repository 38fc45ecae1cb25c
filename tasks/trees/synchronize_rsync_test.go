package trees

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestSynchronizeAsRsync makes trees by chance, has rsync and the module synchronize the same, and compares what they say and what is
// there afterwards.
func TestSynchronizeAsRsync(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("SKIP: there is no rsync here to compare with")
	}
	rounds := 60
	if testing.Short() {
		rounds = 4
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		compared := 0
		defer func() {
			if compared < rounds/2 {
				t.Errorf("%d of %d were compared", compared, rounds)
			}
		}()
		for seed := range rounds {
			r := rand.New(rand.NewPCG(uint64(seed), uint64(len(h.Words[0]))))
			in := filepath.Join(dir, fmt.Sprint(seed))
			randomTree(t, r, in+"/src")
			randomPlace(t, r, in+"/rsync")
			if out, err := exec.Command("cp", "-a", in+"/rsync", in+"/ours").CombinedOutput(); err != nil {
				t.Fatal(err, string(out))
			}
			args, options := randomOptions(r)
			src := in + "/src" + []string{"", "/"}[r.IntN(2)]
			if r.IntN(5) == 0 {
				src = oneOf(t, r, in+"/src")
			}
			slash := []string{"", "/"}[r.IntN(2)]
			rsync := slices.Concat([]string{"--delay-updates", "-F"}, options, []string{"--out-format=%i %n%L", src, in + "/rsync/to" + slash})
			out, err := exec.Command("rsync", rsync...).CombinedOutput()
			args["src"], args["dest"] = strings.TrimPrefix(src, dir+"/"), in+"/ours/to"+slash
			said := "rsync " + strings.Join(rsync, " ") + "\n" + string(out)
			_, result, ourErr := taskstest.Attempt(t, h, "synchronize", args, &taskstest.FakeLocal{Dir: dir})
			if err != nil || ourErr != nil { // what was of another kind stood in its way
				// rsync looks below a file that --ignore-existing has it leave, and fails.
				if (err == nil) != (ourErr == nil) && !strings.Contains(string(out), "recv_generator: failed to stat") {
					t.Errorf("%sand we: %v", said, ourErr)
				}
				continue
			}
			compared++
			ours, _ := result.Values["stdout"].(string)
			if diff := cmp.Diff(itemized(string(out)), itemized(strings.ReplaceAll(ours, in+"/ours/", in+"/rsync/"))); diff != "" {
				t.Errorf("rsync %q says other than we: %s", rsync, diff)
			}
			if diff := cmp.Diff(listed(t, in+"/rsync"), listed(t, in+"/ours")); diff != "" {
				t.Errorf("rsync %q makes another tree: %s", rsync, diff)
			}
			if t.Failed() {
				return
			}
			if args["times"] == false && args["checksum"] != true {
				continue // as with rsync, files whose times are not the source's are sent again
			}
			taskstest.MustNotChange(t, h, "synchronize", args, &taskstest.FakeLocal{Dir: dir})
		}
	})
}

var treeNames = []string{"a", "b", "c.log", "d e", "-f", "cache", "it's"}

// randomTree makes a tree with few names, contents, modes and times, so that two of them have much in common.
func randomTree(t *testing.T, r *rand.Rand, top string) {
	t.Helper()
	stamps := []int64{1_600_000_000, 1_600_000_001}
	var dirs []string
	var fill func(dir string, depth int)
	fill = func(dir string, depth int) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
		for _, name := range treeNames {
			path := filepath.Join(dir, name)
			// Mostly a name is of one kind.
			kind := map[string]int{"b": 2, "d e": 2, "cache": 2, "it's": 3}[name]
			if r.IntN(40) == 0 {
				kind = r.IntN(4)
			}
			if r.IntN(3) == 0 {
				continue
			}
			switch kind {
			case 0, 1:
				taskstest.Write(t, path, []string{"x", "y", "longer"}[r.IntN(3)], []os.FileMode{0o644, 0o600, 0o755}[r.IntN(3)])
				at := time.Unix(stamps[r.IntN(2)], 0)
				_ = os.Chtimes(path, at, at)
			case 2:
				if depth > 0 {
					fill(path, depth-1)
				}
			case 3:
				_ = os.Symlink([]string{"a", "nowhere"}[r.IntN(2)], path)
				if out, err := exec.Command("touch", "-h", "-d", fmt.Sprint("@", stamps[r.IntN(2)]), path).CombinedOutput(); err != nil {
					t.Fatal(err, string(out))
				}
			}
		}
	}
	fill(top, 2)
	for _, dir := range slices.Backward(dirs) {
		_ = os.Chmod(dir, []os.FileMode{0o755, 0o700}[r.IntN(2)])
		at := time.Unix(stamps[r.IntN(2)], 0)
		_ = os.Chtimes(dir, at, at)
	}
}

// randomPlace makes a directory with what a dest "to" may find: mostly a tree, sometimes nothing, an empty directory or a file.
func randomPlace(t *testing.T, r *rand.Rand, in string) {
	t.Helper()
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	switch r.IntN(16) {
	case 0, 1:
	case 2:
		_ = os.Mkdir(in+"/to", 0o755)
	case 3:
		taskstest.Write(t, in+"/to", "x", 0o644)
	default:
		randomTree(t, r, in+"/to")
		if r.IntN(3) == 0 { // below the source's name
			for _, name := range []string{"src", treeNames[r.IntN(len(treeNames))]} {
				_ = os.RemoveAll(in + "/to/" + name)
				randomTree(t, r, in+"/to/"+name)
			}
		}
	}
}

// oneOf is something in a directory: a file, a link that leads somewhere or a directory.
func oneOf(t *testing.T, r *rand.Rand, dir string) string {
	t.Helper()
	in, err := os.ReadDir(dir)
	if err != nil || len(in) == 0 {
		return dir
	}
	name := filepath.Join(dir, in[r.IntN(len(in))].Name())
	if _, err := os.Stat(name); err != nil {
		return dir
	}
	return name
}

// randomOptions returns arguments, and what Ansible's module makes of them for rsync.
func randomOptions(r *rand.Rand) (map[string]any, []string) {
	args := map[string]any{}
	options := []string{"--archive"}
	for _, part := range []string{"links", "perms", "times", "owner", "group"} {
		if r.IntN(6) == 0 {
			args[part] = false
			options = append(options, "--no-"+part)
		}
	}
	for _, o := range []struct {
		name, option string
		oneIn        int
	}{{"delete", "--delete-after", 2}, {"checksum", "--checksum", 4}, {"existing_only", "--existing", 4}} {
		if r.IntN(o.oneIn) == 0 {
			args[o.name] = true
			options = append(options, o.option)
		}
	}
	var own []any
	for _, option := range []string{
		"--include=*.log", "--include=/a", "--exclude=*.log", "--exclude=cache/", "--exclude=/a", "--exclude=b/a", "--exclude=[a-b]", "--exclude=d*", "--ignore-existing",
		"--exclude=**/cache", "--exclude=a/***", "--include=/b/**",
	} {
		if r.IntN(7) == 0 {
			own = append(own, option)
			options = append(options, option)
		}
	}
	if own != nil {
		args["rsync_opts"] = own
	}
	return args, options
}

// itemized are the lines of changes, those of what is deleted last: what makes way is told when it does. A local rsync receives what a
// module sends.
func itemized(text string) []string {
	var all, deleted []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, ">"):
			line = "<" + line[1:]
		case line == "", strings.HasPrefix(line, "cannot delete non-empty directory"), strings.HasPrefix(line, "skipping non-regular file"):
			continue
		case strings.HasPrefix(line, "*deleting"):
			deleted = append(deleted, line)
			continue
		}
		all = append(all, line)
	}
	return append(all, deleted...)
}

// listed are the names, kinds, modes, owners, times in seconds and contents of a tree.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	out, err := taskstest.Sh(t, "cd '"+dir+"' && find . -type l -printf '%P %y %l %U %G %Ts\\n' -o -printf '%P %y %m %U %G %Ts\\n' | sort; find . -type f -exec sha256sum -- {} + | sort")
	if err != nil {
		t.Fatal(err, out)
	}
	return strings.Split(regexp.MustCompile(`(?m) 1[7-9]\d{8}$`).ReplaceAllString(out, " now"), "\n")
}
