package polardb

import (
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/hba"
)

// variables returns what the inventory is to say of a host.
func (a *adoptionAction) variables(name string, found adoptionFound) map[string]any {
	n := a.nodes[name]
	v := map[string]any{
		"polardb_cluster": a.args.Cluster, "polardb_user": n.Account, "polardb_pgdata": n.Pgdata, "polardb_polardata": n.Data,
		"polardb_port": n.Port, "polardb_replication_user": a.replicationUser(), "polardb_hosts_file": false,
	}
	if n.Home != "" && n.Home != "/home/"+n.Account {
		v["polardb_user_home"] = n.Home
	}
	if n.Group != "" && n.Group != n.Account {
		v["polardb_user_group"] = n.Group
	}
	if own, err := dma.ParseAddress(n.Own); err == nil {
		v["polardb_address"] = own.Host
		if row, listed := found.leader.Member(own); listed && row.Role == dma.Learner {
			v["polardb_role"] = roleLearner
		}
	}
	if n.Logger {
		v["polardb_role"] = roleLogger
	}
	if found.made.encoding != "" {
		v["polardb_locale"], v["polardb_encoding"] = found.made.collate, found.made.encoding
	}
	for role, key := range map[string]string{n.Account: "polardb_password_encryption",
		a.replicationUser(): "polardb_replication_password_encryption"} {
		if stored, known := found.roles[role]; known {
			v[key] = map[bool]string{true: "md5", false: "scram-sha-256"}[stored.md5]
		}
	}
	settings := a.foreignSettings(name, found)
	if len(settings) > 0 {
		v["polardb_settings"] = anyOfTexts(settings)
	}
	consensus := map[string]string{}
	for key, value := range n.DMA {
		if !slices.Contains(hiddenSettings, key) {
			consensus[key] = value
		}
	}
	if len(consensus) > 0 {
		v["polardb_dma_settings"] = anyOfTexts(consensus)
	}
	first, after := splitHBA(n.HBA)
	if len(first) > 0 {
		v["polardb_hba_first"] = anyTexts(first)
	}
	if len(after) > 0 {
		v["polardb_hba"] = anyTexts(after)
	}
	if n.writesElsewhere() {
		v["polardb_unit_hardening"] = false
	}
	return v
}

func anyOfTexts(m map[string]string) map[string]any {
	all := map[string]any{}
	for k, v := range m {
		all[k] = v
	}
	return all
}

// engineLibraries are loaded on every node.
var engineLibraries = []string{"polar_vfs", "polar_worker"}

// foreignSettings returns the settings that have to stand in polardb_settings, so that the server keeps every value that it has.
func (a *adoptionAction) foreignSettings(name string, found adoptionFound) map[string]string {
	n, base, server := a.nodes[name], maps.Clone(a.base[name]), found.settings[name]
	if stored, known := found.roles[n.Account]; known && stored.md5 {
		base["password_encryption"] = "md5"
	}
	theirs := map[string]string{}
	for _, s := range n.Settings {
		if s.Name != "port" && !slices.Contains(filePlaces, s.Name) {
			theirs[s.Name] = s.Value
		}
	}
	running := func(key string) (string, bool) {
		if s, seen := server.settings[key]; seen {
			return s.Value, !slices.Contains(n.Auto, key)
		}
		v, known := server.unseen[key]
		return v, known && !slices.Contains(n.Auto, key)
	}
	kept := map[string]string{}
	for key, value := range theirs {
		if ours, has := base[key]; !has || !sameValue(ours, value, server.settings[key]) {
			kept[key] = value
		}
	}
	for key, ours := range base {
		if _, has := theirs[key]; has || key == "port" {
			continue
		}
		if now, known := running(key); known && now != "" && !sameValue(now, ours, server.settings[key]) {
			kept[key] = now
		}
	}
	delete(kept, "shared_preload_libraries")
	var more []string
	for library := range strings.SplitSeq(theirs["shared_preload_libraries"], ",") {
		library = strings.TrimSpace(library)
		if library != "" && !slices.Contains(engineLibraries, strings.TrimPrefix(library, "$libdir/")) {
			more = append(more, library)
		}
	}
	if len(more) > 0 {
		kept["shared_preload_libraries"] = strings.Join(more, ",")
	}
	// Clients on the host keep their sockets, beside polarbook's own.
	own := base["unix_socket_directories"]
	sockets, known := theirs["unix_socket_directories"]
	if !known {
		sockets, _ = running("unix_socket_directories")
	}
	delete(kept, "unix_socket_directories")
	all := []string{own}
	for dir := range strings.SplitSeq(sockets, ",") {
		if dir = strings.TrimSpace(dir); dir != "" && !slices.Contains(all, dir) {
			all = append(all, dir)
		}
	}
	if own != "" && len(all) > 1 {
		kept["unix_socket_directories"] = strings.Join(all, ",")
	}
	return kept
}

// splitHBA parts the lines of pg_hba.conf: those up to the last that is about a login from the host itself stand before polarbook's own
// lines for such logins, so that they decide as before; the others stand after them, in their order.
func splitHBA(lines []string) (first, after []string) {
	last := -1
	for i, line := range lines {
		for _, local := range []bool{true, false} {
			if hbaMethod(hbaForAll(line), local, "all", "all") != "" {
				last = i
			}
		}
	}
	return lines[:last+1], lines[last+1:]
}

// hbaForAll returns a line as one for every role and database, with TLS or without.
func hbaForAll(line string) string {
	fields, _, _ := hba.Fields(line)
	var words []string
	for i, f := range fields {
		switch {
		case i == 0 && f.Text != "local":
			words = append(words, "host")
		case i == 1, i == 2:
			words = append(words, "all")
		default:
			words = append(words, f.Text)
		}
	}
	return strings.Join(words, " ")
}

// writesElsewhere reports whether the server may write where polarbook's unit does not let it.
func (n *foundNode) writesElsewhere() bool {
	command := n.setting("archive_command")
	places := append(slices.Clone(n.Tablespaces), n.setting("log_directory"), n.setting("stats_temp_directory"))
	return command != "" && command != "(disabled)" || slices.ContainsFunc(places, func(p string) bool {
		return slices.ContainsFunc([]string{"/usr", "/etc", "/boot", "/home", "/root", "/run/user"},
			func(dir string) bool { return under(p, dir) })
	})
}
