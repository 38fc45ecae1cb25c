// Command scripts has every shell that is supported, and shellcheck, read the scripts that polarbook runs on hosts: all
// files */scripts/*.sh below the working directory. It says what it skips because this machine lacks it.
//
// A script is read together with what it uses, as it is sent, and what it takes and leaves counts as given and wanted.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks/script"
)

// unfit are shellcheck's warnings that do not hold for these scripts.
var unfit = strings.Join([]string{
	"SC1007", // x= y=z is how variables are emptied
	"SC2015", // a && b || die is meant to die of b too
	"SC2209", // kind=file is no command
	"SC2317", // functions are called by others
	"SC3013", // all supported shells have -ef
	"SC3037", // and echo without options
	"SC3045", // and ulimit -f, read -n and the like where they are used
}, ",")

func main() {
	faults, err := check(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if faults > 0 {
		fmt.Fprintf(os.Stderr, "%d faults in scripts\n", faults)
		os.Exit(1)
	}
}

// text is a script as a shell reads it.
type text struct {
	path   string
	whole  string
	before int // lines of other scripts
}

// check prints the faults of all scripts, in their order, and counts them.
func check(ctx context.Context) (faults int, err error) {
	texts, err := read()
	if err != nil {
		return 0, err
	}
	linted := has("shellcheck", "install Debian's package of that name")
	var shells [][]string
	for _, shell := range [][]string{{"dash", "-n"}, {"bash", "--posix", "-n"}, {"busybox", "sh", "-n"}} {
		if has(shell[0], "the scripts are not read by it") {
			shells = append(shells, shell)
		}
	}
	said, failed := make([][]string, len(texts)), make([]error, len(texts))
	var all sync.WaitGroup
	turns := make(chan struct{}, runtime.NumCPU())
	for i, t := range texts {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			for _, shell := range shells {
				said[i] = append(said[i], t.refused(ctx, shell)...)
			}
			if linted {
				var found []string
				found, failed[i] = t.shellcheck(ctx)
				said[i] = append(said[i], found...)
			}
		})
	}
	all.Wait()
	for _, lines := range said {
		for _, line := range lines {
			faults++
			fmt.Println(line)
		}
	}
	return faults, errors.Join(failed...)
}

// read returns the scripts of all folders below the working directory.
func read() ([]text, error) {
	var folders []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return fs.SkipDir
		}
		if files, _ := filepath.Glob(path + "/*.sh"); err == nil && d.IsDir() && d.Name() == "scripts" && len(files) > 0 {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 {
		return nil, errors.New("there are no scripts here: this is run in the top directory")
	}
	var texts []text
	onFiles := script.Load(os.DirFS("tasks/files"), script.Shared)
	for _, dir := range folders {
		f := onFiles
		if dir != filepath.Join("tasks", "files", "scripts") {
			f = script.Load(os.DirFS(filepath.Dir(dir)), onFiles)
		}
		for _, name := range f.Names() {
			t := text{path: filepath.Join(dir, name+".sh")}
			t.whole, t.before = whole(f, name)
			texts = append(texts, t)
		}
	}
	return texts, nil
}

func has(program, hint string) bool {
	if _, err := exec.LookPath(program); err != nil {
		fmt.Printf("SKIP: there is no %s on this machine: %s\n", program, hint)
		return false
	}
	return true
}

// whole returns a script with what it uses before it, and how many lines that is.
func whole(f *script.Folder, name string) (text string, before int) {
	var b strings.Builder
	parts := f.Parts(name)
	for _, part := range parts {
		for _, v := range f.Source(part).Takes {
			fmt.Fprintf(&b, "%s=$(cat)\n", v)
		}
	}
	for _, part := range parts[:len(parts)-1] {
		b.WriteString(f.Source(part).Text)
	}
	before = strings.Count(b.String(), "\n")
	b.WriteString(f.Source(name).Text)
	for _, v := range f.Source(name).Leaves {
		fmt.Fprintf(&b, ": \"$%s\"\n", v)
	}
	return b.String(), before
}

// refused returns what a shell that only reads the script says against it.
func (t text) refused(ctx context.Context, shell []string) []string {
	c := exec.CommandContext(ctx, shell[0], shell[1:]...)
	c.Stdin = strings.NewReader(t.whole)
	out, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s: %s (%d lines of other scripts come before it)", t.path, shell[0], bytes.TrimSpace(out), t.before)}
}

var finding = regexp.MustCompile(`^-:(\d+):(\d+): (.*)$`)

// shellcheck returns what it finds in the script's own lines. Its directives stand above what they are for.
func (t text) shellcheck(ctx context.Context) (found []string, err error) {
	c := exec.CommandContext(ctx, "shellcheck", "--norc", "-s", "sh", "-f", "gcc", "-e", unfit, "-")
	c.Stdin = strings.NewReader(t.whole)
	out, err := c.Output()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != 1) {
		return nil, fmt.Errorf("shellcheck of %s: %w", t.path, err)
	}
	for line := range strings.Lines(string(out)) {
		m := finding.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			return nil, fmt.Errorf("shellcheck of %s says %q", t.path, line)
		}
		n, _ := strconv.Atoi(m[1])
		if n > t.before && n <= t.before+strings.Count(t.whole, "\n") {
			found = append(found, fmt.Sprintf("%s:%d:%s: %s", t.path, n-t.before, m[2], m[3]))
		}
	}
	return found, nil
}
