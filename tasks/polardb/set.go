package polardb

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

type setArgs struct {
	ClusterArgs
	Settings map[string]any `arg:"settings,required" doc:"the settings and their values"`
}

var setModule = tasks.Define(tasks.Module{
	Name:    "polardb_set",
	Summary: "Set settings of a node's server with ALTER SYSTEM, reload, and read them back",
	Notes: []string{
		"Only for settings that take effect with a reload; one that needs a restart is refused, " +
			"see polardb_settings and reconfigure.yml. From then on the value of ALTER SYSTEM overrides postgresql.conf and polar_dma.conf.",
	},
	Returns: []tasks.Return{{Name: "settings", Type: "dict", Doc: "each setting as the server has it"}},
	Examples: `- polardb_set:
    settings:
      polar_dma_delay_election: "on"
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *setArgs, l tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	if err != nil {
		return nil, err
	}
	s := &setAction{
		look: settingsAction{
			args:   &settingsArgs{ClusterArgs: a.ClusterArgs, Partial: true},
			list:   list,
			check:  l.Check(),
			wanted: map[string]string{},
		},
	}
	for name, v := range a.Settings {
		text, err := convert.Text(v)
		if err != nil || !settingName.MatchString(name) {
			return nil, &tasks.ArgError{
				Module:  "polardb_set",
				Arg:     "settings",
				Problem: fmt.Sprintf("holds %q, which is not the name of a setting with a value", name),
			}
		}
		s.look.wanted[strings.ToLower(name)] = text
	}
	return tasks.AskApply(s), nil
})

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

type setAction struct{ look settingsAction }

func (s *setAction) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (serverSettings, error) {
	return s.look.Ask(ctx, h, probed)
}

func (s *setAction) Plan(found serverSettings) (tasks.Plan, []string, error) {
	var lines, statements []string
	shown := map[string]any{}
	for name, to := range s.look.wanted {
		now, known := found.settings[name]
		if !known {
			return tasks.Plan{}, nil, &tasks.Failure{Msg: fmt.Sprintf("the engine has no setting %s that ALTER SYSTEM could set", name)}
		}
		shown[name] = now.Value
		if sameValue(now.Value, to, now) {
			continue
		}
		if now.Context == "postmaster" || now.Context == "internal" {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg:  name + " cannot be changed without a restart",
				Hint: "put it into polardb_settings or polardb_dma_settings and run reconfigure.yml",
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s -> %s", name, shownSetting(name, now.Value), shownSetting(name, to)))
		statements = append(statements, "alter system set "+dma.Identifier(name)+" = "+dma.Literal(to))
	}
	sort.Strings(lines)
	sort.Strings(statements)
	if len(lines) == 0 {
		return tasks.Plan{Msg: "the settings are as wanted", Values: map[string]any{"settings": shown}}, nil, nil
	}
	return tasks.Plan{Change: true, Msg: strings.Join(lines, "; "), Values: map[string]any{"settings": shown}}, statements, nil
}

// Apply sends one statement after the other, because ALTER SYSTEM cannot run in a transaction, and waits until a session has
// the values.
func (s *setAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, statements []string) (tasks.Result, error) {
	self, err := NodeNamed(s.look.list, h.Name())
	if err != nil {
		return tasks.Result{}, err
	}
	bound, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, statement := range append(statements, "select pg_reload_conf()") {
		err := s.look.args.use(bound, h, self, true, func(conn *pgx.Conn) error {
			_, err := conn.PgConn().Exec(bound, statement).ReadAll()
			return err
		})
		if err != nil {
			return tasks.Result{}, &tasks.Failure{Msg: "on " + h.Name() + ": " + p.Msg, Err: err}
		}
	}
	deadline := time.Now().Add(reloadPatience)
	for {
		found, err := s.Ask(ctx, h, tasks.Found{})
		if err != nil {
			return tasks.Result{Changed: true}, err
		}
		again, _, err := s.Plan(found)
		if err != nil {
			return tasks.Result{Changed: true}, err
		}
		if !again.Change {
			return tasks.Result{Changed: true, Msg: p.Msg, Values: again.Values}, nil
		}
		if time.Now().After(deadline) {
			return tasks.Result{
					Changed: true,
				}, &tasks.Failure{
					Msg:  fmt.Sprintf("%s was told to reload %s ago but still has to take over: %s", h.Name(), reloadPatience, again.Msg),
					Hint: "see its server log",
				}
		}
		if err := tasks.Sleep(ctx, 200*time.Millisecond); err != nil {
			return tasks.Result{Changed: true}, err
		}
	}
}
