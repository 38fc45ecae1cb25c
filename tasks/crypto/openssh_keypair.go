package crypto

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/sshkey"
)

type keypairArgs struct {
	files.Attributes
	Path       string  `arg:"path,required,path" doc:"File of the private key; the public key is in the same with .pub."`
	State      string  `arg:"state" default:"present" choices:"absent present" doc:"Have both files, or remove both."`
	Type       string  `arg:"type" default:"rsa" choices:"dsa ecdsa ed25519 rsa rsa1" doc:"What kind of key. dsa and rsa1 are refused: OpenSSH takes them no more."`
	Size       *int    `arg:"size" doc:"Bits: at least 1024 for rsa, which has 4096 by default; 256, 384 or 521 for ecdsa, which has 256; of no effect for ed25519."`
	Comment    *string `arg:"comment" doc:"Comment of the key."`
	Passphrase string  `arg:"passphrase,secret" doc:"Passphrase of the private key."`
	Format     string  `arg:"private_key_format" default:"auto" choices:"auto pkcs1 pkcs8 ssh" doc:"How the private key is written; auto is ssh for new keys, and whatever it is for one that is there."`
	Regenerate string  `arg:"regenerate" default:"partial_idempotence" choices:"never fail partial_idempotence full_idempotence always" doc:"When another key is made: never; never, and fail when it is not as wanted; when it is not, but fail when it cannot be read; when it is not or cannot be read; always."`
	Force      bool    `arg:"force" default:"false" doc:"Make another key in any case."`
	Backend    string  `arg:"backend" default:"auto" choices:"auto cryptography opensshbin" doc:"Of no effect: Go's crypto makes the keys."`
}

var keypairModule = tasks.Define(tasks.Module{
	Name: "openssh_keypair", Collections: collection,
	Summary: "Make a pair of keys for SSH",
	Notes: []string{
		"The keys are made on the control node, as those of user (generate_ssh_key) are: hosts need no ssh-keygen. Nothing of them is kept " +
			"there, and no passphrase stands on a command line.",
		"A new private key has mode 0600 and a new public one 0644; mode, owner and group are for both files, also where they are there.",
		"A private key that has a passphrase where none is given, or none where one is, cannot be read: with regenerate: full_idempotence " +
			"another takes its place.",
		"private_key_format: pkcs1 and pkcs8 are not written with a passphrase for ed25519, and pkcs1 not at all.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "size", Type: "int", Doc: "bits of the key"}, {Name: "type", Type: "str", Doc: "kind of key"},
		{Name: "filename", Type: "str", Doc: "file of the private key"},
		{Name: "fingerprint", Type: "str", Doc: "SHA256 of the public key"},
		{Name: "public_key", Type: "str", Doc: "its type and the key, without the comment"},
		{Name: "comment", Type: "str", Doc: "its comment"},
	},
	Examples: `
- openssh_keypair: {path: /home/app/.ssh/id_ed25519, type: ed25519, comment: app@db, owner: app, group: app}
- openssh_keypair: {path: /etc/backup/key, size: 2048, passphrase: "{{ backup_passphrase }}"}
- openssh_keypair: {path: /etc/backup/old, state: absent}
`,
}, func(a *keypairArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "openssh_keypair", Arg: arg, Problem: problem}
	}
	size := 0
	if a.Size != nil {
		size = *a.Size
	}
	switch a.Type {
	case "dsa", "rsa1":
		return refuse("type", a.Type+" is refused, as OpenSSH does: rsa, ecdsa and ed25519 can be made")
	case "rsa":
		if a.Size == nil {
			size = 4096
		}
	}
	size, err := sshkey.Bits(a.Type, size)
	switch {
	case err != nil:
		return refuse("size", "cannot be: "+err.Error())
	case a.Type == "ed25519" && a.Format == "pkcs1":
		return refuse("private_key_format", "pkcs1 is not there for ed25519")
	case a.Comment != nil && strings.ContainsAny(*a.Comment, "\r\n"):
		return refuse("comment", "has more than one line")
	case a.Format != "auto" && a.Format != "ssh" && a.Passphrase != "" && a.Type == "ed25519":
		return refuse("private_key_format", a.Format+" with a passphrase is not there for ed25519")
	}
	if a.Force {
		a.Regenerate = "always"
	}
	k := &keypair{keypairArgs: a, size: size, asking: l.Check()}
	for i, path := range []string{a.Path, a.Path + ".pub"} {
		if k.edits[i], err = files.NewEdit("openssh_keypair", files.EditArgs{Attributes: a.Attributes, Path: path}, true, l); err != nil {
			return nil, err
		}
		k.edits[i].InDirectory, k.edits[i].Replace = true, true
	}
	return a.Marked("openssh_keypair", script.TrimSlashes(a.Path), "", tasks.AskApply(k))
})

type keypair struct {
	*keypairArgs
	size   int
	asking bool
	edits  [2]*files.Edit // of the private key and the public one
}

// pairFound is what the host has of both files.
type pairFound struct {
	probed [2]tasks.Found
	read   [2]files.Read
}

// pairPlan is what becomes of each file.
type pairPlan struct {
	edits [2]*files.Edit
	plans [2]tasks.Plan
}

// Probe reads the private key.
func (k *keypair) Probe() string { return k.edits[0].Probe() }

// Ask reads the public one as well.
func (k *keypair) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (pairFound, error) {
	var f pairFound
	r, err := h.Shell().Run(ctx, remote.Command{Script: k.edits[1].Probe()})
	if err != nil {
		return f, err
	}
	f.probed = [2]tasks.Found{probed, {Result: r}}
	for i := range f.read {
		if err := f.probed[i].Decode(&f.read[i]); err != nil {
			return f, err
		}
	}
	return f, nil
}

// had is the key that is there.
type had struct {
	key    any // that can be written again
	public sshkey.Public
	format string
	why    error // it cannot be read; nil: it can
}

// pairFormats are private_key_format by the kinds of PEM blocks.
var pairFormats = map[string]string{"OPENSSH PRIVATE KEY": "ssh", "RSA PRIVATE KEY": "pkcs1", "EC PRIVATE KEY": "pkcs1",
	"PRIVATE KEY": "pkcs8", "ENCRYPTED PRIVATE KEY": "pkcs8"}

// decode reads a private key.
func (k *keypair) decode(text []byte) had {
	var h had
	if block, _ := pem.Decode(text); block != nil {
		h.format = pairFormats[block.Type]
	}
	var missing *ssh.PassphraseMissingError
	h.key, h.why = ssh.ParseRawPrivateKey(text)
	switch {
	case h.format == "pkcs8": // of which this package reads those with a passphrase, too
		var key privateKey
		if key, _, h.why = decodeKey(text, k.Passphrase); h.why == nil {
			h.key = key
		}
	case h.why == nil && k.Passphrase != "":
		h.why = errors.New("it is not protected by a passphrase")
	case errors.As(h.why, &missing) && k.Passphrase == "":
		h.why = errors.New("it is protected by a passphrase")
	case errors.As(h.why, &missing):
		h.key, h.why = ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(k.Passphrase))
	}
	if h.why != nil {
		return h
	}
	signer, err := ssh.NewSignerFromKey(h.key)
	if err != nil {
		h.why = err
		return h
	}
	h.public, _ = sshkey.ReadPublic(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	return h
}

// written is a private key as it is wanted.
func (k *keypair) written(key any, format, comment string) ([]byte, error) {
	if format == "pkcs1" || format == "pkcs8" {
		own, ok := key.(privateKey)
		if !ok {
			return nil, fmt.Errorf("a key of %T is not written as %s", key, format)
		}
		return encodeKey(own, format, k.Passphrase)
	}
	var block *pem.Block
	var err error
	if k.Passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, comment)
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, comment, []byte(k.Passphrase))
	}
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// pairTexts are what both files are to hold, and why.
type pairTexts struct {
	private, public []byte
	msg             string
	known           bool // in check mode the new key is not
	key             sshkey.Public
}

// wanted works out what both files are to hold.
func (k *keypair) wanted(f pairFound) (pairTexts, error) {
	text := f.read[0].Content
	if !f.read[0].File.Exists() {
		return k.another("make the keys " + k.Path)
	}
	fail := func(why string) (pairTexts, error) {
		return pairTexts{}, &tasks.Failure{Msg: k.Path + ": " + why,
			Hint: "regenerate: full_idempotence makes another key then; what the old one opens is closed"}
	}
	have := k.decode(text)
	switch {
	case k.Regenerate == "always":
		return k.another("make other keys " + k.Path)
	case have.why != nil && k.Regenerate == "full_idempotence":
		return k.another(fmt.Sprintf("make other keys %s: %v", k.Path, have.why))
	case have.why != nil:
		return fail("the key cannot be read: " + have.why.Error())
	}
	fits := have.public.Kind == k.Type && have.public.Bits == k.size && (k.Format == "auto" || k.Format == have.format)
	switch {
	case !fits && k.Regenerate == "fail":
		return fail(fmt.Sprintf("the key is not as wanted: it is %s of %d bits", have.public.Kind, have.public.Bits))
	case !fits && k.Regenerate != "never":
		return k.another("make other keys " + k.Path)
	}
	w := pairTexts{private: text, public: f.read[1].Content, known: true, key: have.public}
	is, readable := sshkey.ReadPublic(w.public)
	if readable {
		w.key.Comment = is.Comment
	}
	if readable && is.Key == have.public.Key && (k.Comment == nil || *k.Comment == is.Comment) {
		return w, nil
	}
	w.msg, w.key.Comment = "write the public key "+k.Path+".pub", ""
	if k.Comment != nil && *k.Comment != "" {
		w.key.Comment = *k.Comment
		if have.format == "ssh" { // which has the comment, too
			var err error
			if w.private, err = k.written(have.key, "ssh", w.key.Comment); err != nil {
				return w, err
			}
		}
	}
	w.public = publicLine(w.key)
	return w, nil
}

func publicLine(p sshkey.Public) []byte {
	line := p.Key
	if p.Comment != "" {
		line += " " + p.Comment
	}
	return []byte(line + "\n")
}

// another makes a new pair, which a check does not: a large key takes a while.
func (k *keypair) another(msg string) (pairTexts, error) {
	w := pairTexts{msg: msg}
	if k.asking {
		return w, nil
	}
	comment := ""
	if k.Comment != nil {
		comment = *k.Comment
	}
	key, err := sshkey.Make(k.Type, k.size, comment, k.Passphrase)
	if err != nil {
		return w, err
	}
	w.private, w.public, w.known = key.Private, []byte(key.Public+"\n"), true
	if k.Format == "pkcs1" || k.Format == "pkcs8" {
		plain := k.decode(key.Private)
		if plain.why != nil {
			return w, fmt.Errorf("read the key that was made: %w", plain.why)
		}
		if w.private, err = k.written(plain.key, k.Format, ""); err != nil {
			return w, err
		}
	}
	w.key, _ = sshkey.ReadPublic(w.public)
	return w, nil
}

func (k *keypair) Plan(f pairFound) (tasks.Plan, pairPlan, error) {
	plan := tasks.Plan{Values: map[string]any{
		"filename": k.Path, "size": k.size, "type": k.Type, "fingerprint": "", "public_key": "", "comment": "",
	}}
	plan.Event = k.State == "present" && k.Regenerate == "always" // there is another key at every run
	var parts pairPlan
	for i, r := range f.read {
		if r.File.Exists() && (r.File.Kind != "file" || r.Large) {
			return plan, parts, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a key is wanted there", k.edits[i].Path,
				files.DescribeKind(r.File.Kind))}
		}
	}
	var w pairTexts
	if k.State == "absent" {
		plan.Msg = "remove " + k.Path + " and its public key"
		if is, ok := sshkey.ReadPublic(f.read[1].Content); ok {
			plan.Values["comment"] = is.Comment
		}
	} else {
		var err error
		if w, err = k.wanted(f); err != nil {
			return plan, parts, err
		}
		plan.Msg = w.msg
		maps.Copy(plan.Values, k.values(w, f))
	}
	for i, text := range [][]byte{w.private, w.public} {
		p, edit, err := k.part(i, f, string(text), w)
		if err != nil {
			return plan, parts, err
		}
		parts.edits[i], parts.plans[i] = edit, p
		if p.Unknown != "" {
			return p, parts, nil
		}
		plan.Change = plan.Change || p.Change
		plan.Diff = append(plan.Diff, p.Diff...)
		plan.Warnings = append(plan.Warnings, p.Warnings...)
	}
	switch {
	case !plan.Change:
		plan.Msg = ""
	case plan.Msg == "":
		plan.Msg = "change the attributes of " + k.Path + " or its public key"
	}
	return plan, parts, nil
}

// values are those of the result.
func (k *keypair) values(w pairTexts, f pairFound) map[string]any {
	key := w.key
	if !w.known { // as in Ansible check mode tells of the key before
		if have := k.decode(f.read[0].Content); have.why == nil {
			key = have.public
		}
		if is, ok := sshkey.ReadPublic(f.read[1].Content); ok {
			key.Comment = is.Comment
		}
	}
	return map[string]any{"fingerprint": key.Fingerprint, "public_key": key.Key, "comment": key.Comment}
}

// part plans for one of the files.
func (k *keypair) part(i int, f pairFound, text string, w pairTexts) (tasks.Plan, *files.Edit, error) {
	edit := *k.edits[i]
	exists := f.read[i].File.Exists()
	if k.State == "absent" {
		if !exists {
			return tasks.Plan{}, &edit, nil
		}
		edit.Emptied = func(string) bool { return true }
		edit.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
			return text + "\n", "remove " + edit.Path, nil, nil
		}
		p, err := edit.Plan(f.probed[i])
		return hide(p), &edit, err
	}
	if !exists && edit.Mode == "" {
		edit.Mode = []string{"0600", "0644"}[i]
	}
	if !w.known {
		text = "a key that is not made yet\n"
	}
	edit.Rewrite = func(string, bool) (string, string, map[string]any, error) { return text, w.msg, nil, nil }
	p, err := edit.Plan(f.probed[i])
	if i == 0 {
		p = hide(p)
	}
	return p, &edit, err
}

// Apply writes the private key, and then the public one, which is what the next run looks at last.
func (k *keypair) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, parts pairPlan) (tasks.Result, error) {
	for i, part := range parts.plans {
		if !part.Change {
			continue
		}
		if _, err := files.RunPlan(ctx, h.Shell(), part); err != nil {
			return tasks.Result{Changed: i > 0 && parts.plans[0].Change}, err
		}
		if k.State == "absent" {
			continue
		}
		if _, err := files.Prove(ctx, h.Shell(), parts.edits[i], part); err != nil {
			return tasks.Result{Changed: true}, err
		}
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values, Diff: p.Diff}, nil
}
