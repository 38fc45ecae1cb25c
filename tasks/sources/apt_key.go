package sources

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/web"
)

type aptKeyArgs struct {
	ID            string `arg:"id" doc:"Id or fingerprint of the key, in hexadecimal digits: 8, 16 or more. Without it that of the key in url, data or file."`
	URL           string `arg:"url" doc:"URL of the key, which the host fetches."`
	Data          string `arg:"data" doc:"The key itself, armored."`
	File          string `arg:"file,path" doc:"File on the host with the key."`
	Keyring       string `arg:"keyring,path" doc:"Keyring to keep it in; /etc/apt/trusted.gpg by default. One for a deb line's signed-by belongs in /etc/apt/keyrings."`
	Keyserver     string `arg:"keyserver" doc:"Server of keys, which the host asks for the one with the id."`
	ValidateCerts bool   `arg:"validate_certs" default:"true" doc:"Refuse a server whose certificate is not to be trusted."`
	State         string `arg:"state" default:"present" choices:"absent present" doc:"Whether apt trusts the key."`
}

var aptKeyModule = tasks.Define(tasks.Module{
	Name: "apt_key", Collections: []string{"ansible.builtin"},
	Network: func(values map[string]any, _ tasks.Local, _ bool) string {
		if server, _ := values["keyserver"].(string); server != "" {
			return "ask the server of keys " + server
		}
		return tasks.FromURL(values["url"])
	},
	Summary: "Add a key to those that apt trusts, or remove it",
	Notes: []string{
		"The host needs neither apt-key nor gpg, and so it works where Debian has no apt-key any more. A key that apt trusts this way vouches " +
			"for every repository: deb822_repository with signed_by is the better way, and ansible-core itself calls this one deprecated.",
		"When an id and a key are given, the key has to be the one with that id; nothing is changed otherwise.",
		"A key that has expired counts as none: the one that is given takes its place. It is removed all the same.",
		"Removed from all files that apt trusts where no keyring is given. What holds other keys besides is kept with those.",
		"A keyring is binary, and armored where its name ends in .asc, as apt wants it.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "id", Type: "str", Doc: "id as given, or as found"}, {Name: "short_id", Type: "str", Doc: "its last 8 digits"},
		{Name: "fp", Type: "str", Doc: "its last 16 digits"}, {Name: "key_id", Type: "str", Doc: "all of it"},
		{Name: "before", Type: "list", Doc: "ids of the keys before"}, {Name: "after", Type: "list", Doc: "ids of the keys after a change"},
	},
	Examples: `
- apt_key: {url: "https://repo.example.com/key.asc", id: 9FED2BCBDCD29CDF762678CBAED4B06F473041FA, keyring: /etc/apt/keyrings/example.gpg}
- apt_key: {id: 473041FA, state: absent}
`,
}, newAptKey)

var keyID = regexp.MustCompile(`^(?i:0x)?([0-9A-Fa-f]+)$`)

func newAptKey(a *aptKeyArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "apt_key", Arg: arg, Problem: problem}
	}
	k := &aptKey{aptKeyArgs: *a, asking: l.Check()}
	given := 0
	for _, from := range []string{a.URL, a.Data, a.File, a.Keyserver} {
		if from != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return refuse("data", "file, keyserver and url exclude each other")
	case a.Keyserver != "" && a.ID == "":
		return refuse("id", "is required with keyserver")
	case given == 0 && a.ID == "":
		return refuse("id", "is required where no key is given")
	}
	if a.ID != "" {
		m := keyID.FindStringSubmatch(strings.ReplaceAll(a.ID, " ", ""))
		if m == nil || len(m[1]) != 8 && len(m[1]) < 16 {
			return refuse("id", fmt.Sprintf("is %q, and has to have 8, 16 or more hexadecimal digits", a.ID))
		}
		if n := len(m[1]); n > 40 && n != 64 {
			return refuse("id", fmt.Sprintf("has %d digits, more than a fingerprint: put quotes around one that begins with 0x", n))
		}
		k.id = strings.ToUpper(m[1])
	}
	if k.from = a.URL; a.Keyserver != "" {
		var err error
		if k.from, err = keyserverURL(a.Keyserver, k.id); err != nil {
			return refuse("keyserver", err.Error())
		}
	}
	hideURL(l, a.URL)
	return tasks.AskApply(k), nil
}

// keyserverURL returns the URL of a key on a server.
func keyserverURL(server, id string) (string, error) {
	if !strings.Contains(server, "://") {
		server = "hkp://" + server
	}
	at, err := url.Parse(server)
	if err != nil || at.Host == "" {
		return "", fmt.Errorf("is %q, which is no address", server)
	}
	switch at.Scheme {
	case "hkp":
		at.Scheme = "http"
		if at.Port() == "" {
			at.Host += ":11371"
		}
	case "hkps":
		at.Scheme = "https"
	case "http", "https":
	default:
		return "", fmt.Errorf("begins with %s:, and hkp:, hkps:, http: and https: are known", at.Scheme)
	}
	at.Path, at.RawQuery = "/pks/lookup", "op=get&options=mr&search=0x"+id
	return at.String(), nil
}

type aptKey struct {
	aptKeyArgs
	id     string
	from   string // URL
	asking bool
}

func (k *aptKey) keyring() script.Word {
	if k.Keyring == "" {
		return ""
	}
	return script.Path(k.Keyring)
}

// Probe reads the keyrings.
func (k *aptKey) Probe() string {
	values := script.Values{"file": "", "keyring": k.keyring()}
	if k.File != "" {
		values["file"] = script.Path(k.File)
	}
	text := scripts.Script("apt_keys", values)
	if k.from != "" {
		text = web.Probe(true) + text
	}
	return text
}

// keyring is one on the host.
type keyring struct {
	Path string      `answer:"ring"`
	Have script.File `answer:"have"`
	Text []byte      `answer:"text"`
	keys []pgpKey
}

type aptKeyFound struct {
	rings []keyring
	now   int64 // the host's time, in seconds since 1970
	id    string
	key   []pgpKey // what is to be added; empty: it is there
	// lacking says what an earlier task may bring.
	lacking, hint string
}

// ids are those of the keys and their subkeys that have not expired.
func (f aptKeyFound) ids(digits int) []any {
	ids := []any{}
	for _, r := range f.rings {
		for _, key := range r.keys {
			for i, print := range key.fingerprints {
				if id := longID(print); !key.expired(i, f.now) {
					ids = append(ids, id[len(id)-digits:])
				}
			}
		}
	}
	return ids
}

// has reports whether a keyring has a key with an id.
func (f aptKeyFound) has(id string) bool {
	return slices.ContainsFunc(f.rings, func(r keyring) bool {
		return slices.ContainsFunc(r.keys, func(key pgpKey) bool { return key.has(id) })
	})
}

// trusted reports whether a keyring has the key, and that has not expired.
func (f aptKeyFound) trusted() bool {
	return slices.ContainsFunc(f.rings, func(r keyring) bool {
		return slices.ContainsFunc(r.keys, func(key pgpKey) bool { return key.counts(f.id, f.now) })
	})
}

// done reports whether the key is as it is wanted.
func (k *aptKey) done(found aptKeyFound) bool {
	if k.State == "absent" {
		return !found.has(found.id)
	}
	return found.trusted()
}

// Ask reads the keyrings, and fetches the key where it has to be known.
func (k *aptKey) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (aptKeyFound, error) {
	found := aptKeyFound{id: k.id}
	var said struct {
		web.Tools
		Now    int64     `answer:"now"`
		NoFile bool      `answer:"nofile"`
		Key    []byte    `answer:"key"`
		Rings  []keyring `answer:"ring"`
	}
	if err := probed.Decode(&said.Tools); err != nil {
		return found, err
	}
	if err := probed.Decode(&said); err != nil {
		return found, err
	}
	found.now = said.Now
	for _, r := range said.Rings {
		var err error
		if r.keys, err = readKeys(r.Text); err != nil {
			if k.Keyring == "" && strings.Contains(r.Path, ".gpg.d/") {
				continue // apt passes it over, too
			}
			return found, &tasks.Failure{Msg: fmt.Sprintf("%s is no keyring: %v", r.Path, err)}
		}
		found.rings = append(found.rings, r)
	}
	if k.id != "" && (k.State == "absent" || found.trusted()) {
		return found, nil
	}
	text := said.Key
	switch {
	case k.from == "" && k.Data == "" && k.File == "":
		found.lacking, found.hint = "there is no key with the id "+k.ID+" that has not expired", "name where it comes from: url, data, file or "+
			"keyserver"
		return found, nil
	case said.NoFile:
		found.lacking, found.hint = k.File+" is not there", "file is one of the host's: copy it there first, or use data"
		return found, nil
	case k.Data != "":
		text = []byte(k.Data)
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(k.Data)); err == nil {
			text = raw
		}
	case k.from != "":
		var err error
		if text, err = fetchKey(ctx, h, said.Tools, k.from, k.ValidateCerts); err != nil {
			return found, err
		}
	}
	keys, err := readKeys(text)
	switch {
	case err != nil:
		return found, &tasks.Failure{Msg: fmt.Sprintf("the key cannot be read: %v", err)}
	case len(keys) == 0:
		return found, &tasks.Failure{Msg: "there is no public key in what was given"}
	case k.id != "" && !slices.ContainsFunc(keys, func(key pgpKey) bool { return key.has(k.id) }):
		return found, &tasks.Failure{Msg: fmt.Sprintf("the key is %s, and none with the id %s", keys[0].fingerprints[0], k.ID)}
	case k.id == "":
		found.id = keys[0].id()
	}
	if k.State == "present" && !slices.ContainsFunc(keys, func(key pgpKey) bool { return key.counts(found.id, found.now) }) {
		return found, &tasks.Failure{Msg: fmt.Sprintf("the key %s has expired", found.id),
			Hint: "give it as it is since its time was prolonged, for apt takes no signature of this one"}
	}
	found.key = keys
	return found, nil
}

// Plan adds or removes a key.
func (k *aptKey) Plan(found aptKeyFound) (tasks.Plan, aptKeyFound, error) {
	if found.lacking != "" {
		plan, err := tasks.NotYet(k.asking, found.lacking, found.hint)
		return plan, found, err
	}
	id := k.ID
	if id == "" {
		id = found.id
	}
	digits := 16
	if len(found.id) == 8 {
		digits = 8
	}
	short, long := found.id[len(found.id)-8:], longID(found.id)
	plan := tasks.Plan{Event: true, Values: map[string]any{
		"id": id, "short_id": short, "fp": long, "key_id": found.id, "before": found.ids(digits),
	}}
	plan.Change = !k.done(found)
	plan.Msg = map[string]string{"present": "add", "absent": "remove"}[k.State] + " the key " + id
	return plan, found, nil
}

// changes are what keyrings will hold; those that will hold nothing are removed.
func (k *aptKey) changes(found aptKeyFound) map[string][]byte {
	after := map[string][]byte{}
	if k.State == "present" {
		for i, r := range found.rings {
			if keys, changes := found.with(r, i == 0); changes {
				after[r.Path] = asNamed(r.Path, packets(keys))
			}
		}
		return after
	}
	for _, r := range found.rings {
		kept := slices.DeleteFunc(slices.Clone(r.keys), func(key pgpKey) bool { return key.has(found.id) })
		if len(kept) < len(r.keys) {
			after[r.Path] = asNamed(r.Path, packets(kept))
		}
	}
	return after
}

// with are a keyring's keys, where what is given takes the place of what has expired or lacks the subkey that is asked for. What
// no keyring has goes into the first: the one that is named, or apt's own.
func (f aptKeyFound) with(r keyring, first bool) (keys []pgpKey, changes bool) {
	keys = slices.Clone(r.keys)
	for i, key := range keys {
		for _, given := range f.key {
			if given.id() == key.id() && (key.expired(0, f.now) || given.counts(f.id, f.now) && !key.counts(f.id, f.now)) {
				keys[i], changes = given, true
			}
		}
	}
	for _, given := range f.key {
		if first && !f.has(given.id()) {
			keys, changes = append(keys, given), true
		}
	}
	return keys, changes
}

func packets(keys []pgpKey) []byte {
	var all []byte
	for _, key := range keys {
		all = append(all, key.packets...)
	}
	return all
}

// asNamed armors packets for a file whose name says so: apt passes over one that is otherwise.
func asNamed(path string, packets []byte) []byte {
	if len(packets) == 0 || !strings.HasSuffix(path, ".asc") {
		return packets
	}
	return armor(packets)
}

// Apply writes the keyrings, and looks at them again.
func (k *aptKey) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found aptKeyFound) (tasks.Result, error) {
	after := k.changes(found)
	for _, r := range found.rings {
		text, changes := after[r.Path]
		if !changes {
			continue
		}
		plan := tasks.Plan{Stdin: text}
		if len(text) == 0 {
			plan.Script = scripts.Script("key_remove", script.Values{"p": r.Path})
		} else {
			place := files.Placing{Word: script.Path(r.Path), Follow: true, Have: r.Have, Sum: files.SumOf(text)}
			if !r.Have.Exists() {
				place.Attributes.Mode = "0644"
			}
			var err error
			if plan.Script, err = place.Script(); err != nil {
				return tasks.Result{}, err
			}
		}
		if _, err := files.RunPlan(ctx, h.Shell(), plan); err != nil {
			return tasks.Result{}, err
		}
	}
	again := aptKey{aptKeyArgs: aptKeyArgs{Keyring: k.Keyring, State: k.State}, id: found.id}
	r, err := h.Shell().Run(ctx, remote.Command{Script: again.Probe()})
	if err != nil {
		return tasks.Result{}, err
	}
	now, err := again.Ask(ctx, h, tasks.Found{Result: r})
	if err != nil {
		return tasks.Result{}, err
	}
	if !k.done(now) {
		return tasks.Result{}, &tasks.Failure{Msg: "the change reported success but did not take effect: " + p.Msg}
	}
	digits := 16
	if len(found.id) == 8 {
		digits = 8
	}
	return tasks.Result{Changed: true, Values: map[string]any{"after": now.ids(digits)}}, nil
}
