package sources

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/web"
)

type rpmKeyArgs struct {
	Key           string   `arg:"key,required" doc:"URL of the key, a file on the host, or the id of one that rpm has."`
	Fingerprint   []string `arg:"fingerprint" doc:"Fingerprints that the keys have to have, or nothing is imported."`
	ValidateCerts bool     `arg:"validate_certs" default:"true" doc:"Refuse a server whose certificate is not to be trusted."`
	State         string   `arg:"state" default:"present" choices:"absent present" doc:"Whether rpm has the key."`
}

var rpmKeyModule = tasks.Define(tasks.Module{
	Name: "rpm_key", Collections: []string{"ansible.builtin"},
	Network: func(values map[string]any, _ tasks.Local, _ bool) string { return tasks.FromURL(values["key"]) },
	Summary: "Import a key into rpm's database, or remove it",
	Notes: []string{
		"The host needs rpm alone, and no gpg. The keys are compared by their ids.",
		"Of several keys in one file the first says whether they are there, as with Ansible.",
	},
	Examples: `
- rpm_key: {key: "https://repo.example.com/RPM-GPG-KEY", fingerprint: 9FED 2BCB DCD2 9CDF 7626 78CB AED4 B06F 4730 41FA}
- rpm_key: {key: 473041FA, state: absent}
`,
}, newRPMKey)

var (
	idAlone    = regexp.MustCompile(`(?i)^\s*(0x)?[0-9a-f]{8}`)
	notOfPrint = regexp.MustCompile(`[^0-9A-F]`)
)

func newRPMKey(a *rpmKeyArgs, l tasks.Local) (tasks.Action, error) {
	k := &rpmKey{rpmKeyArgs: *a, asking: l.Check()}
	switch {
	case strings.Contains(a.Key, "://"):
		k.from = a.Key
		hideURL(l, a.Key)
	case idAlone.MatchString(a.Key):
		id := strings.ToUpper(strings.TrimSpace(a.Key))
		if k.id = strings.TrimPrefix(id, "0X"); notOfPrint.MatchString(k.id) {
			return nil, &tasks.ArgError{Module: "rpm_key", Arg: "key", Problem: fmt.Sprintf("is %q, which begins as an id and is none", a.Key)}
		}
		if a.State == "present" {
			k.idOnly = true
		}
	default:
		k.file = a.Key
	}
	for i, f := range k.Fingerprint {
		k.Fingerprint[i] = strings.ToUpper(strings.ReplaceAll(f, " ", ""))
		if k.Fingerprint[i] == "" || notOfPrint.MatchString(k.Fingerprint[i]) {
			return nil, &tasks.ArgError{Module: "rpm_key", Arg: "fingerprint", Problem: fmt.Sprintf("is %q, which is none", f)}
		}
	}
	return tasks.Ask(k), nil
}

type rpmKey struct {
	rpmKeyArgs
	from, file, id string
	idOnly, asking bool
}

// Probe asks rpm for its keys.
func (k *rpmKey) Probe() string {
	values := script.Values{"file": ""}
	if k.file != "" {
		values["file"] = script.Path(k.file)
	}
	text := scripts.Script("rpm_keys", values)
	if k.from != "" {
		text = web.Probe(true) + text
	}
	return text
}

type rpmKeyFound struct {
	missing, absent bool
	keys            []pgpKey // rpm's
	text            []byte
	given           []pgpKey
}

// Ask reads rpm's keys, and the one that is given.
func (k *rpmKey) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (rpmKeyFound, error) {
	var found rpmKeyFound
	var said struct {
		Missing bool   `answer:"missing"`
		Absent  bool   `answer:"absent"`
		Keys    []byte `answer:"keys"`
		Key     []byte `answer:"key"`
	}
	var tools web.Tools
	if err := probed.Decode(&said); err != nil {
		return found, err
	}
	if err := probed.Decode(&tools); err != nil {
		return found, err
	}
	if found.missing, found.absent, found.text = said.Missing, said.Absent, said.Key; found.missing || found.absent {
		return found, nil
	}
	var err error
	if strings.Contains(string(said.Keys), armorBegin) {
		if found.keys, err = readKeys(said.Keys); err != nil {
			return found, &tasks.Failure{Msg: fmt.Sprintf("rpm's keys cannot be read: %v", err)}
		}
	}
	if k.from != "" {
		if found.text, err = fetchKey(ctx, h, tools, k.from, k.ValidateCerts); err != nil {
			return found, err
		}
		if !strings.Contains(string(found.text), armorBegin) {
			return found, &tasks.Failure{Msg: "Not a public key: " + k.from}
		}
	}
	if k.id == "" {
		if found.given, err = readKeys(found.text); err != nil || len(found.given) == 0 {
			return found, &tasks.Failure{Msg: fmt.Sprintf("%s holds no public key that can be read", k.Key), Err: err}
		}
	}
	return found, nil
}

// Plan imports or removes a key.
func (k *rpmKey) Plan(found rpmKeyFound) (tasks.Plan, error) {
	switch {
	case found.missing:
		return tasks.NotYet(k.asking, "this host has no rpm", "apt_key and deb822_repository are for hosts with apt")
	case found.absent:
		return tasks.NotYet(k.asking, "Not a valid key "+k.Key, "it is neither a URL, nor an id, nor a file on the host")
	}
	id := k.id
	if id == "" {
		id = found.given[0].id()
	}
	there := slices.ContainsFunc(found.keys, func(key pgpKey) bool {
		return slices.ContainsFunc(key.fingerprints, func(f string) bool { return strings.Contains(longID(f), id) || strings.HasSuffix(f, id) })
	})
	switch {
	case there == (k.State == "present"):
		return tasks.Plan{Msg: "rpm has the key " + id + map[bool]string{true: "", false: " no more"}[there]}, nil
	case k.State == "absent":
		return tasks.Plan{Change: true, Msg: "remove the key " + id, Script: scripts.Script("rpm_key_remove", script.Values{
			"id": strings.ToLower(id[len(id)-8:]),
		})}, nil
	case k.idOnly:
		return tasks.Plan{}, &tasks.Failure{Msg: "When importing a key, a valid file must be given",
			Hint: "key is an id, which rpm does not have"}
	}
	var prints []string
	for _, key := range found.given {
		prints = append(prints, key.fingerprints...)
	}
	for _, f := range k.Fingerprint {
		if !slices.Contains(prints, f) {
			return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf(
				"The specified fingerprint, '%s', does not match any key fingerprints in '%s'", f, strings.Join(prints, " "),
			)}
		}
	}
	return tasks.Plan{
		Change: true, Msg: "import the key " + id, Script: scripts.Script("rpm_key_add", nil), Stdin: found.text,
	}, nil
}
