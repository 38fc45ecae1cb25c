package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// Emitter hands events to the listeners, one at a time, with every secret masked. It is the only way out. Any goroutine
// may emit.
type Emitter struct {
	mu        sync.Mutex
	listeners []Listener
	mask      func(string) string
	alone     func(string) string // masks what is a value by itself; nil: mask
	left      int                 // how much of the event in hand may still be told
}

const (
	// maximumText bounds what is told of one text, maximumTold what is told of all that an event holds: what a host says is
	// bounded on the screen, in the journal and in JSON. What is registered keeps more.
	maximumText = 256 << 10
	maximumTold = 1 << 20
	// maximumEntries bounds the entries of a list or dict that are told.
	maximumEntries = 10_000
)

// NewEmitter returns the emitter of one run. Secrets that also have MaskValue, as *inventory.Secrets does, hide even a
// short secret where it is a value by itself.
func NewEmitter(listeners []Listener, s Masker) *Emitter {
	m := &Emitter{listeners: listeners, mask: s.Mask}
	if values, ok := s.(interface{ MaskValue(string) string }); ok {
		m.alone = values.MaskValue
	}
	return m
}

// Masker replaces every secret that it knows in a text.
type Masker interface{ Mask(text string) string }

// whole masks a text that is a value by itself.
func (m *Emitter) whole(s string) string {
	if m.alone != nil {
		return m.alone(s)
	}
	return m.mask(s)
}

// named masks what a key says to be secret, however short it is.
func (m *Emitter) named(key string, x any) (string, bool) {
	var s string
	switch x := x.(type) {
	case string:
		s = x
	case ordered.Timestamp:
		s = string(x)
	case int, int64, *big.Int, float64:
		s = fmt.Sprint(x)
	default:
		return "", false
	}
	if !inventory.SecretName(key) || !inventory.SecretValue(key, s) || len(s) >= inventory.MinimumSecret {
		return "", false // of some length it is known, or it is a template
	}
	return "********", true
}

// letters are a text that was taken apart into pieces of one letter or two.
func (m *Emitter) letters(items []any) (any, bool) {
	if len(items) < 2 || len(items) > maximumEntries {
		return nil, false
	}
	var all strings.Builder
	for _, x := range items {
		s, ok := x.(string)
		if !ok || utf8.RuneCountInString(s) > 2 {
			return nil, false
		}
		all.WriteString(s)
	}
	masked := m.whole(all.String())
	return []any{masked}, masked != all.String()
}

// tell masks a text and cuts it, in that order: half a secret would not be known for one.
func (m *Emitter) tell(s string) string {
	s = m.whole(s)
	keep := min(maximumText, max(m.left, 0))
	m.left -= min(len(s), keep)
	if len(s) <= keep {
		return s
	}
	for keep > 0 && keep < len(s) && !utf8.RuneStart(s[keep]) {
		keep--
	}
	return fmt.Sprintf("%s… (%d more bytes are not shown)", s[:keep], len(s)-keep)
}

// Emit returns when every listener has been told. A listener must not emit.
func (m *Emitter) Emit(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.listeners) == 0 {
		return
	}
	e = m.masked(e)
	for _, l := range m.listeners {
		l.Event(e)
	}
}

// Masked returns values as listeners would be given them.
func (m *Emitter) Masked(values *ordered.Map) *ordered.Map {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = maximumTold
	return m.values(values)
}

func (m *Emitter) masked(e Event) Event {
	m.left = maximumTold
	switch e := e.(type) {
	case PlayStarted:
		e.Name = m.mask(e.Name)
		return e
	case TaskStarted:
		e.Name = m.mask(e.Name)
		return e
	case HostProgress:
		e.What = m.mask(e.What)
		return e
	case HostSaid:
		e.Line = m.tell(e.Line)
		return e
	case Retrying:
		e.Msg = m.tell(e.Msg)
		return e
	case HostDone:
		e.Item, e.Msg, e.Hint, e.Unknown = m.tell(e.Item), m.tell(e.Msg), m.tell(e.Hint), m.tell(e.Unknown)
		e.Warnings = m.strings(e.Warnings)
		e.Diff = m.diffs(e.Diff)
		e.Values = m.values(e.Values)
		return e
	case RunEnded:
		pending := make(map[string]string, len(e.Pending))
		for host, task := range e.Pending {
			pending[host] = m.mask(task)
		}
		e.Pending, e.Stats = pending, m.values(e.Stats)
		return e
	}
	return e // RunStarted and HostConnected hold names and addresses only
}

func (m *Emitter) values(v *ordered.Map) *ordered.Map {
	if v == nil {
		return nil
	}
	return m.value(v).(*ordered.Map)
}

// value copies as it masks: what `register` keeps is the true value.
func (m *Emitter) value(v any) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case int, int64, *big.Int, float64:
		// A number that is a secret as a whole; a part of a longer one is none.
		if s := fmt.Sprint(v); s != "" {
			if masked := m.whole(s); masked != s && strings.Trim(masked, "*") == "" {
				return masked
			}
		}
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return pytext.JSONFloat(f) // JSON has no such number
		}
		return v
	case string:
		return m.tell(v)
	case ordered.Timestamp:
		return m.tell(string(v))
	case []byte:
		return m.tell(string(v))
	case *ordered.Map:
		out := ordered.New(min(v.Len(), maximumEntries))
		n := 0
		for k, x := range v.All() {
			m.left -= 16
			if n == maximumEntries || m.left < 0 {
				out.Set("…", fmt.Sprintf("%d more are not shown", v.Len()-n))
				break
			}
			n++
			if masked, ok := m.named(k, x); ok {
				out.Set(m.tell(k), masked)
				continue
			}
			out.Set(m.tell(k), m.value(x))
		}
		return out
	case map[string]any:
		out := make(map[string]any, min(len(v), maximumEntries))
		for n, k := range slices.Sorted(maps.Keys(v)) {
			m.left -= 16
			if n == maximumEntries || m.left < 0 {
				out["…"] = fmt.Sprintf("%d more are not shown", len(v)-n)
				break
			}
			if masked, ok := m.named(k, v[k]); ok {
				out[m.tell(k)] = masked
				continue
			}
			out[m.tell(k)] = m.value(v[k])
		}
		return out
	case []any:
		if masked, ok := m.letters(v); ok {
			return masked
		}
		out := make([]any, 0, min(len(v), maximumEntries))
		for i, x := range v {
			m.left -= 16
			if i == maximumEntries || m.left < 0 {
				return append(out, fmt.Sprintf("… %d more are not shown", len(v)-i))
			}
			out = append(out, m.value(x))
		}
		return out
	case []string:
		return m.strings(v)
	case error:
		return m.tell(v.Error())
	}
	// Whatever else a module returns is taken apart as JSON would, so that no string inside it escapes.
	text, err := json.Marshal(v)
	if err != nil {
		return m.tell(fmt.Sprint(v))
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return m.tell(string(text))
	}
	return m.value(plain)
}

func (m *Emitter) strings(in []string) []string {
	if in == nil {
		return nil
	}
	out := make([]string, 0, min(len(in), maximumEntries))
	for i, s := range in {
		m.left -= 16
		if i == maximumEntries || m.left < 0 {
			return append(out, fmt.Sprintf("… %d more are not shown", len(in)-i))
		}
		out = append(out, m.tell(s))
	}
	return out
}

func (m *Emitter) diffs(in []tasks.Diff) []tasks.Diff {
	if in == nil {
		return nil
	}
	out := make([]tasks.Diff, len(in))
	for i, d := range in {
		if d.Hidden {
			d.Before, d.After = "", ""
		}
		d.Before, d.After = m.tell(d.Before), m.tell(d.After)
		d.BeforeHeader, d.AfterHeader = m.mask(d.BeforeHeader), m.mask(d.AfterHeader)
		out[i] = d
	}
	return out
}
