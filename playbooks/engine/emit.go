package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/tasks"
)

// emitter hands events to the listeners, one at a time, with every secret masked. It is the only way out.
type emitter struct {
	mu        sync.Mutex
	listeners []Listener
	mask      func(string) string
}

func (m *emitter) emit(e Event) {
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

func (m *emitter) masked(e Event) Event {
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
		e.Line = m.mask(e.Line)
		return e
	case Retrying:
		e.Msg = m.mask(e.Msg)
		return e
	case HostDone:
		e.Item, e.Msg, e.Hint, e.Unknown = m.mask(e.Item), m.mask(e.Msg), m.mask(e.Hint), m.mask(e.Unknown)
		e.Values = m.values(e.Values)
		e.Diff = m.diffs(e.Diff)
		e.Warnings = m.strings(e.Warnings)
		return e
	case RunEnded:
		pending := make(map[string]string, len(e.Pending))
		for host, task := range e.Pending {
			pending[host] = m.mask(task)
		}
		e.Pending = pending
		return e
	}
	return e // RunStarted and HostConnected hold names and addresses only
}

func (m *emitter) values(v map[string]any) map[string]any {
	if v == nil {
		return nil
	}
	return m.value(v).(map[string]any)
}

// value copies as it masks: what `register` keeps is the true value.
func (m *emitter) value(v any) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case int, int64, float64:
		// A number that is a secret as a whole; a part of a longer one is none.
		if s := fmt.Sprint(v); len(s) >= inventory.MinimumSecret {
			if masked := m.mask(s); masked != s && strings.Trim(masked, "*") == "" {
				return masked
			}
		}
		return v
	case string:
		return m.mask(v)
	case []byte:
		return m.mask(string(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[m.mask(k)] = m.value(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = m.value(x)
		}
		return out
	case []string:
		return m.strings(v)
	case error:
		return m.mask(v.Error())
	}
	// Whatever else a module returns is taken apart as JSON would, so that no string inside it escapes.
	text, err := json.Marshal(v)
	if err != nil {
		return m.mask(fmt.Sprint(v))
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return m.mask(string(text))
	}
	return m.value(plain)
}

func (m *emitter) strings(in []string) []string {
	if in == nil {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = m.mask(s)
	}
	return out
}

func (m *emitter) diffs(in []tasks.Diff) []tasks.Diff {
	if in == nil {
		return nil
	}
	out := make([]tasks.Diff, len(in))
	for i, d := range in {
		if d.Hidden {
			d.Before, d.After = "", ""
		}
		d.Before, d.After = m.mask(d.Before), m.mask(d.After)
		d.BeforeHeader, d.AfterHeader = m.mask(d.BeforeHeader), m.mask(d.AfterHeader)
		out[i] = d
	}
	return out
}
