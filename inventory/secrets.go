package inventory

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"sync"
)

// MinimumSecret is the length, in bytes, of the shortest value that Secrets masks wherever it stands. Masking shorter
// ones within longer texts would turn every "yes" of a log into stars and give the secret away by doing so. For the same
// reason a number is masked wherever it stands only from minimumNumber digits on: shorter ones are ports and sizes, too.
const (
	MinimumSecret = 4
	minimumNumber = 6
)

// mask stands for a secret, whatever its length.
const mask = "********"

// minimumLine is the length of the shortest line of a secret of several lines (a private key) that
// is masked by itself: a diff or a log prints such a secret line by line.
const minimumLine = 8

// Secrets is a set of values that must not be seen. It masks by value: wherever the text of a secret
// appears, whatever printed it, and also in the forms in which programs write values: base64, URL
// escapes, a word quoted for the shell, and text escaped for JSON, YAML, SQL and Go. What templates make of secrets is
// told to Follow. It is safe for use from many goroutines. The zero value is an empty set.
type Secrets struct {
	mutex sync.RWMutex
	texts texts           // the secrets, in all their forms
	twins texts           // those of their twins
	added map[string]bool // whose forms are known
	whole map[string]bool // masked only where they stand by themselves
	// followed counts what was added by Follow, and its bytes.
	followed, bytes int
}

// texts are strings to be found in others.
type texts struct {
	known map[string]bool
	heads map[[MinimumSecret]byte][]string // by their first bytes, longest first
	parts map[string]bool                  // what is shorter than a head and may become one
	first []uint64                         // a bit for each head that there may be, by a number made of it
}

const firstBits = 18

func number(head []byte) uint32 {
	return binary.LittleEndian.Uint32(head) * 2654435761 >> (32 - firstBits)
}

func (t *texts) add(text string) {
	if t.known[text] || len(text) < MinimumSecret {
		return
	}
	if t.known == nil {
		t.known = map[string]bool{}
		t.heads = map[[MinimumSecret]byte][]string{}
		t.parts = map[string]bool{}
		t.first = make([]uint64, 1<<firstBits/64)
	}
	t.known[text] = true
	for end := 1; end < MinimumSecret; end++ {
		t.parts[text[:end]] = true
	}
	head := [MinimumSecret]byte([]byte(text[:MinimumSecret]))
	bit := number(head[:])
	t.first[bit/64] |= 1 << (bit % 64)
	same := t.heads[head]
	at, _ := slices.BinarySearchFunc(same, len(text), func(one string, length int) int { return length - len(one) })
	t.heads[head] = slices.Insert(same, at, text)
}

// at returns the length of the longest text that stands at the beginning of rest, 0: none does. partial: rest may be the
// beginning of one.
func (t *texts) at(rest []byte) (length int, partial bool) {
	if len(rest) < MinimumSecret {
		return 0, t.parts[string(rest)]
	}
	if t.first == nil {
		return 0, false
	}
	if bit := number(rest); t.first[bit/64]&(1<<(bit%64)) == 0 {
		return 0, false
	}
	for _, text := range t.heads[[MinimumSecret]byte(rest[:MinimumSecret])] {
		switch {
		case len(rest) < len(text):
			partial = partial || text[:len(rest)] == string(rest)
		case string(rest[:len(text)]) == text:
			return len(text), partial
		}
	}
	return 0, partial
}

// MaskValue masks a text that is a value by itself, the result of a task, say: also a secret that is too short to be
// looked for in longer texts.
func (s *Secrets) MaskValue(text string) string {
	s.mutex.RLock()
	alone := len(s.whole) > 0 && s.whole[bare(text)]
	s.mutex.RUnlock()
	if alone {
		return mask
	}
	return s.Mask(text)
}

// bare is a value without what a writer puts around it.
func bare(text string) string { return strings.Trim(text, " \t\r\n\"'") }

// Holds reports whether a text is a secret and nothing else, not one that merely contains a secret.
func (s *Secrets) Holds(text string) bool {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.texts.known[strings.TrimSpace(text)]
}

// Add makes a value secret. Surrounding white space is not part of it. A value shorter than
// MinimumSecret, and a short number, is masked by MaskValue alone, where it stands by itself.
func (s *Secrets) Add(secret string) {
	secret = strings.TrimSpace(secret)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(secret) < MinimumSecret || len(secret) < minimumNumber && strings.Trim(secret, "0123456789") == "" {
		s.addWhole(secret)
		return
	}
	if s.added[secret] {
		return
	}
	if s.added == nil {
		s.added = map[string]bool{}
	}
	s.added[secret] = true
	for _, form := range secretForms(secret) {
		s.texts.add(form)
		s.twins.add(twin(form))
	}
	for _, form := range secretForms(twin(secret)) {
		s.twins.add(form)
	}
}

// SecretName and SecretValue are those functions, for whoever knows the set only.
func (s *Secrets) SecretName(name string) bool { return SecretName(name) }

// SecretValue reports whether a value of a variable with such a name is one to hide.
func (s *Secrets) SecretValue(name, value string) bool { return SecretValue(name, value) }

// AboutTask is that function.
func (s *Secrets) AboutTask(has func(name string) bool, name string) bool {
	return AboutTask(has, name)
}

func (s *Secrets) addWhole(text string) {
	if text = bare(text); len(text) < minimumWhole {
		return
	}
	if s.whole == nil {
		s.whole = map[string]bool{}
	}
	s.whole[text] = true
}

// Mask returns the text with every secret in it replaced by eight stars. Secrets that overlap
// become one mask.
func (s *Secrets) Mask(text string) string {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return s.texts.mask(text)
}

func (t *texts) mask(text string) string {
	var out strings.Builder
	m := masker{out: &out}
	_ = m.write(t, []byte(text), true)
	return out.String()
}

// Writer returns a writer that masks what passes through to w, also secrets that arrive in pieces.
// It holds text back only while that could be the beginning of a secret. Close writes what is held
// back; it does not close w. The writer is safe for use from many goroutines.
func (s *Secrets) Writer(w io.Writer) io.WriteCloser {
	return &maskingWriter{secrets: s, masker: masker{out: w}}
}

type maskingWriter struct {
	mutex   sync.Mutex
	secrets *Secrets
	masker  masker
}

func (w *maskingWriter) Write(data []byte) (int, error) {
	if err := w.write(data, false); err != nil {
		return 0, err
	}
	return len(data), nil
}

func (w *maskingWriter) Close() error { return w.write(nil, true) }

func (w *maskingWriter) write(data []byte, last bool) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.secrets.mutex.RLock()
	written := w.masker.settle(&w.secrets.texts, data, last)
	w.secrets.mutex.RUnlock()
	return w.masker.put(written)
}

// masker finds secrets in a stream. held is text that has arrived and is not settled yet; its first
// covered bytes belong to a mask that is already written.
type masker struct {
	out     io.Writer
	held    []byte
	covered int
}

func (m *masker) write(t *texts, data []byte, last bool) error { return m.put(m.settle(t, data, last)) }

func (m *masker) put(written []byte) error {
	if len(written) == 0 {
		return nil
	}
	_, err := m.out.Write(written)
	return err
}

// settle takes data and returns what can be written.
func (m *masker) settle(t *texts, data []byte, last bool) (written []byte) {
	m.held = append(m.held, data...)
	at := 0
	end := m.covered // where the mask that is being written ends
	for ; at < len(m.held); at++ {
		length, partial := t.at(m.held[at:])
		if length > 0 {
			if at >= end {
				written = append(written, mask...)
			}
			end = max(end, at+length)
		}
		if partial && !last {
			break
		}
		if at >= end {
			written = append(written, m.held[at])
		}
	}
	m.covered = max(0, end-at)
	m.held = append(m.held[:0], m.held[at:]...)
	return written
}
