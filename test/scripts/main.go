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
	"strconv"
	"strings"

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

func check(ctx context.Context) (faults int, err error) {
	var folders []string
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return fs.SkipDir
		}
		if files, _ := filepath.Glob(path + "/*.sh"); err == nil && d.IsDir() && d.Name() == "scripts" && len(files) > 0 {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(folders) == 0 {
		return 0, errors.New("there are no scripts here: this is run in the top directory")
	}
	linted := has("shellcheck", "install Debian's package of that name")
	var shells [][]string
	for _, shell := range [][]string{{"dash", "-n"}, {"bash", "--posix", "-n"}, {"busybox", "sh", "-n"}} {
		if has(shell[0], "the scripts are not read by it") {
			shells = append(shells, shell)
		}
	}
	onFiles := script.Load(os.DirFS("tasks/files"), script.Shared)
	for _, dir := range folders {
		f := onFiles
		if dir != filepath.Join("tasks", "files", "scripts") {
			f = script.Load(os.DirFS(filepath.Dir(dir)), onFiles)
		}
		for _, name := range f.Names() {
			text, before := whole(f, name)
			path := filepath.Join(dir, name+".sh")
			for _, shell := range shells {
				c := exec.CommandContext(ctx, shell[0], shell[1:]...)
				c.Stdin = strings.NewReader(text)
				if out, err := c.CombinedOutput(); err != nil {
					faults++
					fmt.Printf("%s: %s: %s (%d lines of other scripts come before it)\n", path, shell[0], bytes.TrimSpace(out), before)
				}
			}
			if !linted {
				continue
			}
			said, err := shellcheck(ctx, text, path, before)
			if err != nil {
				return faults, err
			}
			faults += said
		}
	}
	return faults, nil
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

var finding = regexp.MustCompile(`^-:(\d+):(\d+): (.*)$`)

// shellcheck prints what it finds in a script's own lines. Its directives stand above what they are for.
func shellcheck(ctx context.Context, text, path string, before int) (faults int, err error) {
	c := exec.CommandContext(ctx, "shellcheck", "--norc", "-s", "sh", "-f", "gcc", "-e", unfit, "-")
	c.Stdin = strings.NewReader(text)
	out, err := c.Output()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != 1) {
		return 0, fmt.Errorf("shellcheck of %s: %w", path, err)
	}
	for line := range strings.Lines(string(out)) {
		m := finding.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			return 0, fmt.Errorf("shellcheck of %s says %q", path, line)
		}
		n, _ := strconv.Atoi(m[1])
		if n > before && n <= before+strings.Count(text, "\n") {
			faults++
			fmt.Printf("%s:%d:%s: %s\n", path, n-before, m[2], m[3])
		}
	}
	return faults, nil
}
