package polardb

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

// confReader reads a server's configuration files as its account, with what they include.
type confReader struct {
	h     tasks.Host
	owner string

	read, included []string
	fault          string // why not all was read
}

const (
	confLimit    = 256 << 10 // bytes of a file
	confFiles    = 200       // files in all
	includeDepth = 10        // as the engine has it
)

// look reads one file, or lists a directory.
func (r *confReader) look(ctx context.Context, name string) (text string, entries []string, err error) {
	var found struct {
		There bool   `answer:"there"`
		Text  []byte `answer:"text"`
		Entry []struct {
			Name []byte `answer:"entry"`
		} `answer:"entry"`
	}
	if len(r.read) >= confFiles {
		r.fault = cmp.Or(r.fault, fmt.Sprintf("its settings lie in more than %d files", confFiles))
		return "", nil, nil
	}
	look := scripts.Script("polardb_discover_files", script.Values{"OWNER": r.owner}, name)
	if err := discover(ctx, r.h, look, &found); err != nil {
		return "", nil, err
	}
	for _, e := range found.Entry {
		entries = append(entries, string(e.Name))
	}
	if len(found.Text) > confLimit {
		r.fault = cmp.Or(r.fault, fmt.Sprintf("%s is longer than %d kB", name, confLimit>>10))
	}
	if found.There {
		r.read = append(r.read, name)
	}
	return string(found.Text), entries, nil
}

// text returns a file's text; empty where there is none.
func (r *confReader) text(ctx context.Context, name string) (string, error) {
	text, _, err := r.look(ctx, name)
	return text, err
}

// settings returns the settings of a file and of those that it includes, in the engine's order (guc-file.l).
func (r *confReader) settings(ctx context.Context, name string, depth int) ([]foundSetting, error) {
	if depth > includeDepth {
		r.fault = cmp.Or(r.fault, name+": more than 10 files include each other")
		return nil, nil
	}
	text, _, err := r.look(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []foundSetting
	for _, l := range readConf(text) {
		to := l.Value
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(name), to)
		}
		files := []string{to}
		switch l.Name {
		case "include", "include_if_exists":
			r.included = append(r.included, to)
		case "include_dir":
			r.included = append(r.included, to)
			if _, files, err = r.look(ctx, to); err != nil {
				return nil, err
			}
		default:
			all = append(all, foundSetting{l.Name, l.Value, name})
			continue
		}
		for _, file := range files {
			more, err := r.settings(ctx, file, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

// conninfoText returns what libpq reads of a value in a connection string, in quotes or without.
func conninfoText(value string) string {
	var b strings.Builder
	quoted := strings.HasPrefix(value, "'")
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == '\\' && i+1 < len(value):
			i++
			b.WriteByte(value[i])
		case value[i] == '\'' && quoted:
		default:
			b.WriteByte(value[i])
		}
	}
	return b.String()
}
