package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Source is where a password comes from, as --vault-id label@source has it.
type Source struct {
	// ID is what the password goes by; "" where the source was given without one.
	ID string
	// Place is prompt, prompt_ask_vault_pass (asked for with the words of --ask-vault-pass), or the path of a file. An
	// executable file is run, and prints the password.
	Place string
}

// ParseSource reads label@source; without a label all of it is the source.
func ParseSource(text string) (Source, error) {
	id, place, labelled := strings.Cut(text, "@")
	if !labelled {
		id, place = "", text
	}
	switch {
	case place == "":
		return Source{}, errors.New("it names no source of the password: write label@FILE or label@prompt")
	case strings.ContainsAny(id, ";\n"):
		return Source{}, fmt.Errorf("the vault id %q cannot have a semicolon or a line end in it", id)
	}
	return Source{id, place}, nil
}

// Asked reports whether the password is to be asked of the user.
func (s Source) Asked() bool { return s.Place == "prompt" || s.Place == "prompt_ask_vault_pass" }

// Question is what the user is asked, as Ansible words it: programs that answer look for it. A fresh password is to encrypt with, and
// asked for again to be sure.
func (s Source) Question(fresh, again bool) string {
	labelled := s.Place == "prompt"
	begin := "Vault password"
	switch {
	case fresh && again && labelled:
		begin = "Confirm new vault password"
	case fresh && again:
		begin = "Confirm New Vault password"
	case fresh && labelled:
		begin = "New vault password"
	case fresh:
		begin = "New Vault password"
	}
	if labelled {
		begin += " (" + s.Label() + ")"
	}
	return begin + ": "
}

// Label is the ID, or else the name of it.
func (s Source) Label() string {
	if s.ID == "" {
		return DefaultID
	}
	return s.ID
}

// Read returns the password from a file, or from what the file prints when it is executable: one whose name ends with -client
// (before an extension) is run with --vault-id and the label. A file may itself be encrypted with one of the passwords in keys.
// No error shows what was read.
func (s Source) Read(ctx context.Context, keys *Keyring) ([]byte, error) {
	file := expand(s.Place)
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("there is no vault password file %s: %w", file, cause(err))
	case info.IsDir():
		return nil, fmt.Errorf("the vault password file %s is a directory", file)
	case info.Mode().Perm()&0o111 != 0:
		return s.run(ctx, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the vault password file %s: %w", file, cause(err))
	}
	data, encrypted, err := keys.File(bytes.TrimSpace(data))
	if err != nil {
		return nil, fmt.Errorf("read the vault password file %s: %w", file, err)
	}
	if encrypted {
		data = bytes.Trim(data, "\r\n")
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("the vault password file %s is empty", file)
	}
	return data, nil
}

// unknownID is the status of a client script that has no password for an id.
const unknownID = 2

func (s Source) run(ctx context.Context, file string) ([]byte, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find the vault password script %s: %w", file, err)
	}
	command := exec.CommandContext(ctx, path)
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	client := strings.HasSuffix(name, "-client")
	if client && s.ID != "" {
		command.Args = append(command.Args, "--vault-id", s.ID)
	}
	command.Stdin, command.Stderr = os.Stdin, os.Stderr // it may ask
	out, err := command.Output()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed) && client && failed.ExitCode() == unknownID:
		return nil, fmt.Errorf("the vault password client %s has no password for the vault id %q", file, s.Label())
	case errors.As(err, &failed):
		return nil, fmt.Errorf("the vault password script %s failed: %s", file, failed.ProcessState)
	case err != nil:
		return nil, fmt.Errorf("run the vault password script %s: %w (if it is no script, take away its executable bit)", file, cause(err))
	}
	if out = bytes.Trim(out, "\r\n"); len(out) == 0 {
		return nil, fmt.Errorf("the vault password script %s printed nothing", file)
	}
	return out, nil
}

// expand replaces ~ and environment variables in a path, as Ansible does.
func expand(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	return os.Expand(path, func(name string) string {
		if value, ok := os.LookupEnv(name); ok {
			return value
		}
		return "$" + name
	})
}

// cause strips an error of the path, which the caller says.
func cause(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
