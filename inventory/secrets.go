package inventory

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// MinimumSecret is the length, in bytes, of the shortest value that Secrets masks. Masking shorter
// ones would turn every "yes" and "5432" of a log into stars and give the secret away by doing so.
const MinimumSecret = 4

// mask stands for a secret, whatever its length.
const mask = "********"

// minimumLine is the length of the shortest line of a secret of several lines (a private key) that
// is masked by itself: a diff or a log prints such a secret line by line.
const minimumLine = 8

// Secrets is a set of values that must not be seen. It masks by value: wherever the text of a secret
// appears, whatever printed it, and also in the forms in which programs write values: base64, URL
// escapes, a word quoted for the shell, and text escaped for JSON, YAML, SQL and Go. It is safe for
// use from many goroutines. The zero value is an empty set.
type Secrets struct {
	mutex    sync.RWMutex
	known    map[string]bool
	forms    map[byte][]string                // by first byte, longest first
	heads    map[[MinimumSecret]byte][]string // the same by their first bytes
	followed int
}

// maximumFollowed bounds what a loop over very many items can add.
const maximumFollowed = 20_000

// Follow tells of a text that was made of others, by a filter of a template, say: where one of those holds a secret and
// the outcome is not recognised, the outcome is secret too.
func (s *Secrets) Follow(from []string, to string) {
	if to = strings.TrimSpace(to); len(to) < minimumFollowed {
		return
	}
	s.mutex.RLock()
	none := len(s.known) == 0 || s.followed >= maximumFollowed
	s.mutex.RUnlock()
	if none {
		return
	}
	for _, text := range from {
		if s.Mask(text) != text {
			if s.Mask(to) == to {
				s.Add(to)
				s.mutex.Lock()
				s.followed++
				s.mutex.Unlock()
			}
			return
		}
	}
}

// Holds says that a text is a secret and nothing else, not one that merely contains a secret.
func (s *Secrets) Holds(text string) bool {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.known[strings.TrimSpace(text)]
}

// minimumFollowed is the length of the shortest outcome that is taken for a secret: words that a filter answers with
// are shorter.
const minimumFollowed = 6

// Add makes a value secret. Surrounding white space is not part of it. Values shorter than
// MinimumSecret are ignored, see there.
func (s *Secrets) Add(secret string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, form := range secretForms(secret) {
		if s.known[form] {
			continue
		}
		if s.known == nil {
			s.known = map[string]bool{}
			s.forms = map[byte][]string{}
			s.heads = map[[MinimumSecret]byte][]string{}
		}
		s.known[form] = true
		forms := append(slices.Clip(s.forms[form[0]]), form)
		sort.SliceStable(forms, func(a, b int) bool { return len(forms[a]) > len(forms[b]) })
		s.forms[form[0]] = forms
		head := [MinimumSecret]byte([]byte(form[:MinimumSecret]))
		same := append(slices.Clip(s.heads[head]), form)
		sort.SliceStable(same, func(a, b int) bool { return len(same[a]) > len(same[b]) })
		s.heads[head] = same
	}
}

// Mask returns the text with every secret in it replaced by eight stars. Secrets that overlap
// become one mask.
func (s *Secrets) Mask(text string) string {
	var out strings.Builder
	m := masker{secrets: s, out: &out}
	_ = m.write([]byte(text), true)
	return out.String()
}

// Writer returns a writer that masks what passes through to w, also secrets that arrive in pieces.
// It holds text back only while that could be the beginning of a secret. Close writes what is held
// back; it does not close w. The writer is safe for use from many goroutines.
func (s *Secrets) Writer(w io.Writer) io.WriteCloser {
	return &maskingWriter{masker: masker{secrets: s, out: w}}
}

type maskingWriter struct {
	mutex  sync.Mutex
	masker masker
}

func (w *maskingWriter) Write(data []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if err := w.masker.write(data, false); err != nil {
		return 0, err
	}
	return len(data), nil
}

func (w *maskingWriter) Close() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.masker.write(nil, true)
}

// masker finds secrets in a stream. held is text that has arrived and is not settled yet; its first
// covered bytes belong to a mask that is already written.
type masker struct {
	secrets *Secrets
	out     io.Writer
	held    []byte
	covered int
}

func (m *masker) write(data []byte, last bool) error {
	m.secrets.mutex.RLock()
	forms := m.secrets.forms
	var written []byte
	m.held = append(m.held, data...)
	at := 0
	end := m.covered // where the mask that is being written ends
	for ; at < len(m.held); at++ {
		partial := false
		rest := m.held[at:]
		candidates := forms[rest[0]]
		if len(candidates) > 0 && len(rest) >= MinimumSecret {
			candidates = m.secrets.heads[[MinimumSecret]byte(rest[:MinimumSecret])]
		}
		for _, form := range candidates {
			if len(rest) < len(form) {
				partial = partial || !last && form[:len(rest)] == string(rest)
				continue
			}
			if string(rest[:len(form)]) == form {
				if at >= end {
					written = append(written, mask...)
				}
				end = max(end, at+len(form))
				break
			}
		}
		if partial {
			break
		}
		if at >= end {
			written = append(written, rest[0])
		}
	}
	m.secrets.mutex.RUnlock()
	m.covered = max(0, end-at)
	m.held = append(m.held[:0], m.held[at:]...)
	if len(written) == 0 {
		return nil
	}
	_, err := m.out.Write(written)
	return err
}

// secretForms returns the texts under which a secret may appear.
func secretForms(secret string) []string {
	secret = strings.TrimSpace(secret)
	if len(secret) < MinimumSecret {
		return nil
	}
	forms := []string{secret}
	for _, line := range strings.Split(secret, "\n") {
		if line = strings.TrimSpace(line); len(line) >= minimumLine {
			forms = append(forms, line)
		}
	}
	forms = append(forms,
		url.QueryEscape(secret),
		url.PathEscape(secret),
		strings.ReplaceAll(secret, `'`, `'\''`),
		strings.ReplaceAll(secret, `'`, `'"'"'`),
		strings.ReplaceAll(secret, `'`, `''`),
		strings.ReplaceAll(secret, `'`, `\'`),
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(secret),
		strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret),
		percentEncode(secret),
	)
	for _, escapeHTML := range []bool{true, false} {
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(escapeHTML)
		if err := encoder.Encode(secret); err == nil {
			if quoted := strings.TrimSpace(text.String()); len(quoted) > 2 {
				forms = append(forms, quoted[1:len(quoted)-1])
			}
		}
	}
	ascii := strings.Trim(strconv.QuoteToASCII(secret), `"`)
	forms = append(forms, html.EscapeString(secret), escapeRegex(secret), ascii, strings.ReplaceAll(ascii, `\"`, `"`),
		strings.ReplaceAll(url.QueryEscape(secret), "%2F", "/"), strings.ReplaceAll(percentEncode(secret), "%2F", "/"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace(secret),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(secret),
		yamlEscaped(secret), strings.ToLower(percentEncode(secret)))
	forms = append(forms, jsonASCII(secret, "%04x"), jsonASCII(secret, "%04X"))
	// Text within text: what is written as JSON (or in quotes for Python, YAML and Go) once more.
	twice := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, form := range forms[:len(forms):len(forms)] {
		again := twice.Replace(form)
		forms = append(forms, again, twice.Replace(again), url.QueryEscape(form), percentEncode(form))
	}
	for _, form := range []string{secret, jsonASCII(secret, "%04x")} {
		forms = append(forms, base64Forms(form)...)
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	kept := forms[:0]
	for _, form := range forms {
		if len(form) >= MinimumSecret {
			kept = append(kept, form)
		}
	}
	return kept
}

// base64Forms returns the base64 of the secret, and of the secret with one or two bytes before it,
// as in base64(user:password): the characters that depend on the secret alone.
func base64Forms(secret string) []string {
	forms := []string{}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
		for shift := 0; shift < 3; shift++ {
			shifted := make([]byte, shift, shift+len(secret))
			shifted = append(shifted, secret...)
			text := encoding.WithPadding(base64.NoPadding).EncodeToString(shifted)
			from := []int{0, 2, 3}[shift]
			to := len(shifted) * 8 / 6 // characters made up of the secret's bits only
			if inner := text[from:to]; len(inner) >= minimumLine {
				forms = append(forms, inner)
				forms = append(forms, wrapped(inner)...)
			}
		}
	}
	return forms
}

// maximumWrapped is the length of the longest base64 that is masked wherever a line ends within it.
const maximumWrapped = 200

// wrapped are the forms of base64 with a line's end in it, as base64(1) and MIME write it, and as that looks in JSON. Of a
// very long text (a key) the lines of 64 and 76 characters are masked by themselves.
func wrapped(text string) []string {
	var forms []string
	if len(text) > maximumWrapped {
		for _, width := range []int{64, 76} {
			for at := 0; at+minimumLine <= len(text); at += width {
				forms = append(forms, text[at:min(at+width, len(text))])
			}
		}
		return forms
	}
	for at := 1; at < len(text); at++ {
		for _, end := range []string{"\n", "\\n"} {
			forms = append(forms, text[:at]+end+text[at:])
		}
	}
	for at := minimumLine + 4; at < len(text); at++ {
		forms = append(forms, text[:at], text[len(text)-at:])
	}
	return forms
}

// jsonASCII is a text as JSON writes it with nothing but ASCII; the format is that of the four digits.
func jsonASCII(text, digits string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\r':
			out.WriteString(`\r`)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u`+digits+`\u`+digits, high, low)
		case r < ' ' || r > '~':
			fmt.Fprintf(&out, `\u`+digits, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// yamlEscaped is a text as YAML writes it between double quotes with nothing but ASCII.
func yamlEscaped(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r > 0xffff:
			fmt.Fprintf(&out, `\U%08X`, r)
		case r > 0xff:
			fmt.Fprintf(&out, `\u%04X`, r)
		case r < ' ' || r > '~':
			fmt.Fprintf(&out, `\x%02X`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// escapeRegex is what Python's re.escape makes of a text.
func escapeRegex(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strings.ContainsRune("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// percentEncode escapes every byte that is not a letter or digit, as strict encoders do.
func percentEncode(text string) string {
	var out strings.Builder
	for at := 0; at < len(text); at++ {
		c := text[at]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '.' || c == '_' || c == '~' {
			out.WriteByte(c)
			continue
		}
		const digits = "0123456789ABCDEF"
		out.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return out.String()
}
