package polardb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

type settingsArgs struct {
	ClusterArgs
	Settings    map[string]any `arg:"settings" doc:"settings for postgresql.conf, to compare the running server with instead of its files"`
	DMASettings map[string]any `arg:"dma_settings" doc:"the settings for polar_dma.conf"`
	Partial     bool           `arg:"partial" default:"no" doc:"settings and dma_settings are only a part of what the files will hold"`
	AutoConf    string         `arg:"auto_conf" default:"keep" choices:"keep reset refuse" doc:"reset: do not compare what ALTER SYSTEM set"`
	Reloaded    bool           `arg:"reloaded" default:"no" doc:"the server was told to reload: allow it some seconds to finish"`
}

var settingsModule = tasks.Define(tasks.Module{
	Name:    "polardb_settings",
	Summary: "List the settings that a node's server has not taken over from its files, and whether they need a reload or a restart",
	Notes: []string{
		"Reads pg_settings (context, pending_restart) and pg_file_settings, which shows the files as they are on disk, " +
			"and asks for each consensus setting that pg_settings hides. Changes nothing.",
		"Refuses, with the reason, what would do harm: a value that the engine does not accept; another port or POLARDATA, " +
			"because the members know the node by its address and polar_node_static.conf pins the path; " +
			"and a lower max_connections or the like, with which a follower does not start.",
		"What ALTER SYSTEM has set overrides both files, so it is compared too.",
	},
	Returns: []tasks.Return{
		{Name: "reload", Type: "list", Doc: "the names of settings that need a reload"},
		{Name: "restart", Type: "list", Doc: "the names of settings that need a restart"},
		{Name: "changes", Type: "list", Doc: "one dict for each setting: name, from, to, needs, override (ALTER SYSTEM has set it)"},
		{Name: "ignored", Type: "list", Doc: "the names of settings that this engine does not know and ignores"},
		{Name: "pinned", Type: "list", Doc: "the names of settings whose value polar_node_static.conf keeps"},
	},
	Examples: `- polardb_settings:
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  register: settings
`,
}, func(a *settingsArgs, l tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	if err != nil {
		return nil, err
	}
	s := &settingsAction{args: a, list: list, check: l.Check()}
	if a.Settings != nil || a.DMASettings != nil {
		s.wanted = map[string]string{}
		for _, m := range []map[string]any{a.Settings, a.DMASettings} {
			for name, v := range m {
				text, err := convert.Text(v)
				if err != nil {
					return nil, &tasks.ArgError{
						Module:  "polardb_settings",
						Arg:     "settings",
						Problem: fmt.Sprintf("holds %s, which %v", name, err),
					}
				}
				s.wanted[strings.ToLower(name)] = text
			}
		}
	}
	return tasks.Ask(s), nil
})

type settingsAction struct {
	args   *settingsArgs
	list   []WantedNode
	check  bool
	wanted map[string]string // nil: the files are compared
}

// reloadPatience bounds how long a server's processes may take to read their files after a reload.
const reloadPatience = 10 * time.Second

func (s *settingsAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (serverSettings, error) {
	self, err := NodeNamed(s.list, h.Name())
	if err != nil {
		return serverSettings{}, err
	}
	deadline := time.Now().Add(reloadPatience)
	for {
		found, err := s.look(ctx, h, self)
		if err != nil {
			return found, fmt.Errorf("ask the server of %s for its settings: %w", h.Name(), err)
		}
		if !s.args.Reloaded || s.check || time.Now().After(deadline) {
			return found, nil
		}
		if len(s.compare(found).needs("reload")) == 0 {
			return found, nil
		}
		if err := tasks.Sleep(ctx, 200*time.Millisecond); err != nil {
			return found, err
		}
	}
}

// compare finds what the server has to take over, by the module's arguments.
func (s *settingsAction) compare(found serverSettings) settingsReport {
	return compareSettings(found.without(s.args.AutoConf), s.wanted, s.args.Partial)
}

// fileSettingsQuery comes first: reading pg_file_settings marks in pg_settings of the same session what needs a restart, even
// before a reload (observed on 11.9).
const (
	fileSettingsQuery = "select coalesce(name, ''), coalesce(setting, ''), coalesce(sourcefile, ''), coalesce(sourceline, 0)," +
		" coalesce(error, '') from pg_file_settings order by seqno"
	settingsQuery = "select name, coalesce(setting, ''), coalesce(unit, ''), context, vartype, coalesce(source, '')," +
		" coalesce(sourcefile, ''), coalesce(boot_val, ''), pending_restart from pg_settings"
)

func (s *settingsAction) look(ctx context.Context, h tasks.Host, self WantedNode) (serverSettings, error) {
	found := serverSettings{settings: map[string]serverSetting{}, unseen: map[string]string{}}
	err := s.args.use(ctx, h, self, true, func(conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		rows, err := settingRows(ctx, conn, fileSettingsQuery)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, r := range rows {
			found.files = append(found.files, fileSetting{Name: strings.ToLower(r[0]), Value: r[1], File: r[2], Line: r[3], Error: r[4]})
			names[strings.ToLower(r[0])] = true
		}
		if rows, err = settingRows(ctx, conn, settingsQuery); err != nil {
			return err
		}
		for _, r := range rows {
			found.settings[strings.ToLower(r[0])] = serverSetting{
				Value:   r[1],
				Unit:    r[2],
				Context: r[3],
				Type:    r[4],
				Source:  r[5],
				File:    r[6],
				Boot:    r[7],
				Pending: r[8] == "t",
			}
		}
		for name := range s.wanted {
			names[name] = true
		}
		names["polar_dma_repl_user"] = true // the engine shows the password hashed together with it
		for name := range names {
			if _, seen := found.settings[name]; seen || name == "" {
				continue
			}
			rows, err := settingRows(ctx, conn, "select current_setting("+dma.Literal(name)+", true)")
			if err != nil && dma.Code(err) == "" {
				return err
			}
			if err == nil && len(rows) == 1 && rows[0][0] != "\x00" {
				found.unseen[name] = rows[0][0]
			}
		}
		return nil
	})
	return found, err
}

// settingRows returns the rows of a query as texts. NULL becomes a zero byte, a text that no setting can have.
func settingRows(ctx context.Context, conn *pgx.Conn, query string) ([][]string, error) {
	results, err := conn.PgConn().Exec(ctx, query).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, r := range results {
		for _, values := range r.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = "\x00"
				if v != nil {
					row[i] = string(v)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (s *settingsAction) Plan(found serverSettings) (tasks.Plan, error) {
	r := s.compare(found)
	values := map[string]any{}
	for key, names := range map[string][]string{
		"reload":  r.needs("reload"),
		"restart": r.needs("restart"),
		"ignored": r.ignored,
		"pinned":  r.pinned,
	} {
		values[key] = convert.AnyTexts(slices.Sorted(slices.Values(names)))
	}
	changes := []any{}
	var lines []string
	for _, c := range r.changes {
		by := ""
		if c.Override {
			by = ", set by ALTER SYSTEM in postgresql.auto.conf, which wins over the inventory"
		}
		changes = append(changes, map[string]any{"name": c.Name, "from": c.From, "to": c.To, "needs": c.Needs, "override": c.Override})
		lines = append(lines, fmt.Sprintf("%s %s -> %s (%s%s)", c.Name, c.From, c.To, c.Needs, by))
	}
	values["changes"] = changes
	if len(r.refused) > 0 {
		return tasks.Plan{}, &tasks.Failure{
			Msg:    strings.Join(r.refused, "; "),
			Values: values,
			Hint:   "change the inventory; nothing was restarted",
		}
	}
	msg := "the server runs with what its files say"
	if s.wanted != nil {
		msg = "the server runs with what the inventory says"
	}
	if len(lines) > 0 {
		msg = strings.Join(lines, "; ")
	}
	if len(r.ignored) > 0 {
		msg += "; not known to this engine: " + strings.Join(r.ignored, ", ")
	}
	if len(r.pinned) > 0 {
		msg += "; kept by polar_node_static.conf: " + strings.Join(r.pinned, ", ")
	}
	return tasks.Plan{Msg: msg, Values: values}, nil
}
