package builtin

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// keyTypes are the types of keys and certificates that OpenSSH has, as Ansible lists them.
var keyTypes = []string{
	"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com",
	"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "rsa-sha2-256", "rsa-sha2-256-cert-v01@openssh.com",
	"rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com", "ssh-dss", "ssh-dss-cert-v01@openssh.com",
	"ssh-xmss@openssh.com", "ssh-xmss-cert-v01@openssh.com",
	"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
	"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
}

// keyLine is a line of authorized_keys: a key, or whatever else stands there.
type keyLine struct {
	id            string // the key's body; the whole line of what is no key
	kind, comment string // kind is empty for what is no key
	options       []keyOption
	rank          int // its place
}

// keyOption is a name alone, such as no-pty, or NAME=VALUE.
type keyOption struct {
	name, value string
	alone       bool
}

// parseKey reads a key as Ansible does: options, type, body, and the rest as its comment, whose blanks become single ones.
func parseKey(line string) (*keyLine, bool) {
	words := strings.FieldsFunc(strings.ReplaceAll(line, `\#`, "#"), func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
	if len(words) > 0 && words[0] == "#" {
		return nil, false
	}
	at := slices.IndexFunc(words, func(word string) bool { return slices.Contains(keyTypes, word) })
	if at < 0 || at+1 == len(words) {
		return nil, false
	}
	return &keyLine{
		id: words[at+1], kind: words[at], comment: strings.Join(words[at+2:], " "), options: parseKeyOptions(strings.Join(words[:at], " ")),
	}, true
}

// parseKeyOptions cuts options at the commas that are in no quotes. What a quote that is not closed leaves is an option, too.
func parseKeyOptions(text string) []keyOption {
	var options []keyOption
	add := func(word string) {
		if word == "" {
			return
		}
		name, value, valued := strings.Cut(word, "=")
		options = append(options, keyOption{name, value, !valued})
	}
	word, quote := "", rune(0)
	for _, r := range text {
		switch {
		case quote == 0 && r == ',':
			add(word)
			word = ""
			continue
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		}
		word += string(r)
	}
	add(word)
	return options
}

// same compares all but the place. The order of options does not matter but for those of one name.
func (k *keyLine) same(other *keyLine) bool {
	return k.id == other.id && k.kind == other.kind && k.comment == other.comment &&
		maps.EqualFunc(byName(k.options), byName(other.options), slices.Equal[[]keyOption])
}

func byName(options []keyOption) map[string][]keyOption {
	all := map[string][]keyOption{}
	for _, o := range options {
		all[o.name] = append(all[o.name], o)
	}
	return all
}

func (k *keyLine) String() string {
	if k.kind == "" {
		return k.id
	}
	var options strings.Builder
	for i, o := range k.options {
		if i > 0 {
			options.WriteByte(',')
		}
		options.WriteString(o.name)
		if !o.alone {
			options.WriteString("=" + o.value)
		}
	}
	if len(k.options) > 0 {
		options.WriteByte(' ')
	}
	// Without a comment a blank is left at the end.
	return options.String() + k.kind + " " + k.id + " " + k.comment + "\n"
}

// keyLines are the lines of a file. Of those that are alike there is one, with the place of the last.
type keyLines struct {
	order []*keyLine // as they were put in first
	by    map[string]*keyLine
}

func readKeys(text string) *keyLines {
	lines := &keyLines{by: map[string]*keyLine{}}
	for rank, line := range slices.Collect(strings.Lines(text)) {
		key, ok := parseKey(line)
		if !ok {
			key = &keyLine{id: line}
		}
		key.rank = rank
		lines.put(key)
	}
	return lines
}

func (l *keyLines) put(line *keyLine) {
	if have := l.by[line.id]; have != nil {
		*have = *line
		return
	}
	l.by[line.id] = line
	l.order = append(l.order, line)
}

func (l *keyLines) drop(id string) {
	delete(l.by, id)
	l.order = slices.DeleteFunc(l.order, func(line *keyLine) bool { return line.id == id })
}

func (l *keyLines) String() string {
	var out strings.Builder
	for _, line := range slices.SortedStableFunc(slices.Values(l.order), func(a, b *keyLine) int { return cmp.Compare(a.rank, b.rank) }) {
		if line.kind != "" && out.Len() > 0 && !strings.HasSuffix(out.String(), "\n") {
			out.WriteByte('\n')
		}
		out.WriteString(line.String())
	}
	return out.String()
}
