package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Place is where the configuration is looked for. Its functions are the operating system's but in tests.
type Place struct {
	// Dir is the working directory, Home the user's home directory ("": there is none), and System what is read last.
	Dir, Home, System string
	// Env looks up an environment variable.
	Env func(name string) (string, bool)
}

// Here returns the place of this process.
func Here() (Place, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Place{}, fmt.Errorf("find the working directory: %w", err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // then nothing of it is read
	}
	return Place{Dir: dir, Home: home, System: "/etc/ansible/ansible.cfg", Env: os.LookupEnv}, nil
}

// find returns the file to be read, "" when there is none: that of ANSIBLE_CONFIG, ansible.cfg of the working directory,
// ~/.ansible.cfg, the system's, whichever is the first that there is. ansible.cfg of a working directory to which everybody
// may write is left out; the warning says so.
func (p Place) find() (file, warning string, err error) {
	var candidates []string
	named := ""
	if text, ok := p.Env("ANSIBLE_CONFIG"); ok {
		named = p.resolve(text, p.Dir)
		if info, err := os.Stat(named); err == nil && info.IsDir() {
			named = filepath.Join(named, "ansible.cfg")
		}
		candidates = append(candidates, named)
	}
	here := filepath.Join(p.Dir, "ansible.cfg")
	public := false
	if info, err := os.Stat(p.Dir); err == nil {
		if public = info.Mode().Perm()&0o002 != 0 && runtime.GOOS != "windows"; !public {
			candidates = append(candidates, here)
		}
	}
	if p.Home != "" {
		candidates = append(candidates, filepath.Join(p.Home, ".ansible.cfg"))
	}
	candidates = append(candidates, p.System)
	for _, c := range candidates {
		if readable(c) {
			file = c
			break
		}
	}
	if _, err := os.Stat(here); err == nil && public && (named == "" || file != named) {
		warning = "everybody may write to this directory, so its ansible.cfg is not read unless you name it: ANSIBLE_CONFIG=./ansible.cfg"
	}
	if file == "" {
		return "", warning, nil
	}
	if ext := filepath.Ext(file); ext != ".cfg" && ext != ".ini" {
		return "", warning, fmt.Errorf("the configuration %s has to be an ini file whose name ends in .cfg or .ini (ANSIBLE_CONFIG)", file)
	}
	return file, warning, nil
}

// readable reports whether a file is there and may be read.
func readable(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// resolve returns a path of a setting in full: {{CWD}}, ~ and environment variables are replaced, and what is relative is so
// to a directory.
func (p Place) resolve(path, dir string) string {
	path = strings.ReplaceAll(path, "{{CWD}}", p.Dir)
	path = p.expandEnv(path)
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = p.Home + path[1:]
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

// expandEnv replaces $NAME and ${NAME} as Python does: what is not set stays as it is written.
func (p Place) expandEnv(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			b.WriteByte(text[i])
			continue
		}
		name, whole := "", ""
		if rest := text[i+1:]; strings.HasPrefix(rest, "{") {
			if end := strings.IndexByte(rest, '}'); end > 0 {
				name, whole = rest[1:end], text[i:i+end+2]
			}
		} else {
			end := 0
			for end < len(rest) && isWord(rest[end]) {
				end++
			}
			name, whole = rest[:end], text[i:i+1+end]
		}
		if value, ok := p.Env(name); name != "" && ok {
			b.WriteString(value)
			i += len(whole) - 1
			continue
		}
		b.WriteByte('$')
	}
	return b.String()
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// plainPathError leaves out the file's name where the sentence has it already.
func plainPathError(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
