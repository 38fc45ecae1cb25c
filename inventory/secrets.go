package inventory

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"
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
	mutex sync.RWMutex
	known map[string]bool
	forms map[byte][]string // by first byte, longest first
}

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
		}
		s.known[form] = true
		forms := append(slices.Clip(s.forms[form[0]]), form)
		sort.SliceStable(forms, func(a, b int) bool { return len(forms[a]) > len(forms[b]) })
		s.forms[form[0]] = forms
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
		for _, form := range forms[rest[0]] {
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
	forms = append(forms, base64Forms(secret)...)
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
			}
		}
	}
	return forms
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
