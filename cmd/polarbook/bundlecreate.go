package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/bundle"
	"github.com/polarbook/polarbook/tasks/ospackage"
)

type bundleCreateCmd struct {
	Dir        string `arg:"" optional:"" default:"." complete:"directories" help:"Put what is in this directory into the bundle: inventories, playbooks, roles, collections, the engine's packages, and packages of operating systems."`
	Output     string `short:"o" required:"" placeholder:"FILE" help:"Write the bundle to this file, which must not be there."`
	Dist       string `placeholder:"DIR" complete:"directories" help:"Add the programs for control nodes in this directory (polarbook-linux-amd64, polarbook-windows-amd64.exe), as dist/."`
	Sign       string `placeholder:"KEY" complete:"files" help:"Sign with this private key of minisign's (polarbook bundle keygen)."`
	Passphrase string `name:"passphrase-file" placeholder:"FILE" help:"Read the key's passphrase from this file, or have this program print it."`
	AllowPlain bool   `name:"allow-plain" help:"Let passwords and private keys travel in clear."`
}

func (c *bundleCreateCmd) Run(t *terminal) error {
	var key *minisign.PrivateKey
	if c.Sign != "" {
		pass, err := bundlePassphrase(t, c.Passphrase, false)
		if err != nil {
			return err
		}
		private, err := minisign.PrivateKeyFromFile(pass, c.Sign)
		if err != nil {
			return fmt.Errorf("read the key %s: %w", oneLine(c.Sign), err)
		}
		key = &private
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("there is nothing in %s to put into a bundle", c.Dir)
	}
	if !c.AllowPlain {
		if err := inClear(sources); err != nil {
			return err
		}
	}
	m := bundle.Manifest{MadeBy: operator(), MadeAt: time.Now().UTC().Truncate(time.Second), Program: version}
	if err := bundle.Write(c.Output, m, sources, key, func(string) {}); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	info, err := os.Stat(c.Output)
	if err != nil {
		return err
	}
	signed := "signed with key " + fmt.Sprintf("%016X", keyID(key))
	if key == nil {
		signed = "not signed (--sign KEY)"
	}
	fmt.Fprintf(t.out, "%s: %s, %s, %s\n", oneLine(c.Output), plural(len(sources), "file"), bytesText(info.Size()), signed)
	return nil
}

func keyID(key *minisign.PrivateKey) uint64 {
	if key == nil {
		return 0
	}
	return key.ID()
}

// sources are the files that the bundle is to hold. What is hidden, a CA's directory, and what this command itself makes are left out;
// a link that leads out of the directory is refused.
func (c *bundleCreateCmd) sources() ([]bundle.Source, error) {
	var all []bundle.Source
	shelf := &ospackage.Shelf{}
	add := func(dir, below string, only string) error {
		root, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return err
		}
		return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, p)
			if err != nil || name == "." {
				return err
			}
			if strings.HasPrefix(d.Name(), ".") || d.IsDir() && name == "pki" || only == "" && d.IsDir() && sameFile(p, c.Dist) {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if d.IsDir() || sameFile(p, c.Output) || sameFile(p, c.Sign) || strings.HasSuffix(name, ".bundle") ||
				strings.HasSuffix(name, ".unfinished") {
				return nil
			}
			if only == bundle.Polarbook && !forLaptop.MatchString(d.Name()) {
				return nil // archives of programs, their sums
			}
			s, err := source(shelf, root, p, path.Join(below, filepath.ToSlash(name)), only)
			if err == nil {
				all = append(all, s)
			}
			return err
		})
	}
	if err := add(c.Dir, "", ""); err != nil {
		return nil, err
	}
	if c.Dist != "" {
		before := len(all)
		if err := add(c.Dist, "dist", bundle.Polarbook); err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("there is no program for a control node in %s, as polarbook-linux-amd64 or polarbook-windows-amd64.exe", c.Dist)
		}
	}
	return all, nil
}

func sameFile(a, b string) bool {
	if b == "" {
		return false
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

var (
	engineArchive = regexp.MustCompile(`\.(tar|tgz|txz|tar\.(gz|xz|bz2|zst))$`)
	forRelease    = regexp.MustCompile(`^([a-z][a-z0-9_]*)-([0-9.]+)-([a-z0-9_]+)$`)
	forLaptop     = regexp.MustCompile(`(linux|darwin|windows)[-_](amd64|arm64)(\.exe)?$`)
)

// source describes a file.
func source(shelf *ospackage.Shelf, root, from, name, kind string) (bundle.Source, error) {
	real, err := filepath.EvalSymlinks(from)
	if err != nil {
		return bundle.Source{}, err
	}
	if inside, err := filepath.Rel(root, real); err != nil || inside == ".." || strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		return bundle.Source{}, fmt.Errorf("%s is a link that leads out of the directory: put the file itself there", from)
	}
	info, err := os.Stat(real)
	if err != nil {
		return bundle.Source{}, err
	}
	if !info.Mode().IsRegular() {
		return bundle.Source{}, fmt.Errorf("%s is neither a file nor a directory", from)
	}
	f := bundle.File{Path: name, Kind: kind, Program: info.Mode().Perm()&0o100 != 0}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if m := forRelease.FindStringSubmatch(part); m != nil {
			f.OS, f.Architecture = m[1]+"-"+m[2], m[3]
		}
	}
	switch {
	case kind == bundle.Polarbook:
		if m := forLaptop.FindStringSubmatch(name); m != nil {
			f.OS, f.Architecture = m[1], m[2]
		}
	case ospackage.Is(name):
		if engine, err := holdsEngine(real, info.Size()); err != nil {
			return bundle.Source{}, err
		} else if engine {
			f.Kind = bundle.Engine
			break
		}
		given, err := shelf.Collect(here{filepath.Dir(real)}, []string{filepath.Base(real)})
		if err != nil {
			return bundle.Source{}, err
		}
		f.Kind, f.Name, f.Version, f.Architecture = bundle.OSPackage, given[0].Name, given[0].Version, given[0].Architecture
	case engineArchive.MatchString(name):
		f.Kind = bundle.Engine
	default:
		f.Kind = bundle.Content
	}
	return bundle.Source{File: f, From: real}, nil
}

// holdsEngine reports whether a package is one of the engine, and none of an operating system.
func holdsEngine(file string, size int64) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return ospackage.WritePrefix(io.Discard, file, f, size) == nil, nil
}

// here finds files in one directory of this machine.
type here struct{ dir string }

func (h here) Find(_, name string) (fs.FS, string, error) { return os.DirFS(h.dir), name, nil }

var privateKeyBegins = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----`)

// inClear refuses what would tell whoever has the bundle a password, or a private key. What it finds is not said.
func inClear(sources []bundle.Source) error {
	var found []string
	for _, s := range sources {
		if s.Kind != bundle.Content {
			continue
		}
		data, err := head(s.From)
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(data), "$ANSIBLE_VAULT;") {
			continue
		}
		if privateKeyBegins.Match(data) {
			found = append(found, s.Path+": a private key")
		}
		for _, what := range plainSecrets(s.Path, data) {
			found = append(found, s.Path+what)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("secrets stand in clear, and whoever has the bundle could read them:\n%s\n"+
		"encrypt them with polarbook vault, look them up (lookup('env', …)), or give --allow-plain", strings.Join(found, "\n"))
}

// head reads as much of a file as may hold secrets that somebody wrote.
func head(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 4<<20))
}

// plainSecrets finds values of variables that are passwords by their names: in YAML and JSON, and in lines of name=value.
func plainSecrets(name string, data []byte) []string {
	var found []string
	assigns := assignment
	tell := func(line int, variable string) {
		found = append(found, fmt.Sprintf(":%d: the value of %s", line, variable))
	}
	secret := func(variable, value string) bool {
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		return value != "" && inventory.SecretName(variable) && inventory.SecretValue(variable, value) && !playbooks.IsTemplate(value)
	}
	switch path.Ext(name) {
	case ".yml", ".yaml", ".json":
		d := yaml.NewDecoder(strings.NewReader(string(data)))
	documents:
		for {
			var n yaml.Node
			if err := d.Decode(&n); err != nil {
				if errors.Is(err, io.EOF) {
					return found
				}
				break documents // a template, perhaps: line by line
			}
			eachValue(&n, "", func(variable string, v *yaml.Node) {
				if v.Tag != "!vault" && v.Tag != "!!bool" && v.Tag != "!!null" && secret(variable, v.Value) {
					tell(v.Line, variable)
				}
			})
		}
		assigns = yamlAssignment
	}
	if ext := path.Ext(name); ext != "" && assigns == assignment && !slices.Contains([]string{".ini", ".cfg", ".conf", ".env", ".txt"}, ext) {
		return nil
	}
	for i, line := range strings.Split(string(data), "\n") {
		for _, m := range assigns.FindAllStringSubmatch(line, -1) {
			if secret(m[1], m[2]) {
				tell(i+1, m[1])
			}
		}
	}
	return found
}

// How a value is given on a line, in ini files and in YAML.
var (
	assignment     = regexp.MustCompile(`(?:^|[\s;])(\w+)\s*=\s*("[^"]*"|'[^']*'|[^\s"']+)`)
	yamlAssignment = regexp.MustCompile(`^[\s-]*"?(\w+)"?:\s+("[^"]*"|'[^']*'|[^\s"'!|>&*].*)`)
)

// eachValue goes over the texts of a YAML document, with the name that each stands under.
func eachValue(n *yaml.Node, name string, tell func(string, *yaml.Node)) {
	switch n.Kind {
	case yaml.DocumentNode, yaml.SequenceNode:
		for _, c := range n.Content {
			eachValue(c, name, tell)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			eachValue(n.Content[i+1], n.Content[i].Value, tell)
		}
	case yaml.ScalarNode:
		tell(name, n)
	}
}
