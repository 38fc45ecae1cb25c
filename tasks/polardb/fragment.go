package polardb

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// fragment returns the part of an inventory that describes a cluster: what is the same on all hosts as the group's variables, what
// differs as the hosts'. No password is in it.
func fragment(group string, names []string, vars map[string]map[string]any) string {
	common := map[string]any{}
	if len(names) > 0 {
		for key, value := range vars[names[0]] {
			same := func(name string) bool { v, has := vars[name][key]; return has && reflect.DeepEqual(v, value) }
			if !slices.ContainsFunc(names, func(name string) bool { return !same(name) }) && key != "polardb_address" {
				common[key] = value
			}
		}
	}
	var b strings.Builder
	b.WriteString("# Written by polarbook run adopt.yml. It goes beside the inventory that says how the hosts are reached:\n" +
		"#   polarbook status -i inventory.yml -i THIS_FILE\n" +
		"# Passwords are not in it: polardb_replication_password (or POLARDB_REPLICATION_PASSWORD in the environment) is that of the\n" +
		"# replication role, polardb_password that of the superuser, where it is another one.\n")
	fmt.Fprintf(&b, "%s:\n  vars:\n", scalar(group))
	writeVars(&b, "    ", common)
	b.WriteString("  hosts:\n")
	for _, name := range names {
		own := maps.Clone(vars[name])
		maps.DeleteFunc(own, func(key string, _ any) bool { _, shared := common[key]; return shared })
		if len(own) == 0 {
			fmt.Fprintf(&b, "    %s: {}\n", scalar(name))
			continue
		}
		fmt.Fprintf(&b, "    %s:\n", scalar(name))
		writeVars(&b, "      ", own)
	}
	return b.String()
}

// fragmentOrder is the order in which variables are read best; others follow.
var fragmentOrder = []string{"polardb_cluster", "polardb_address", "polardb_port", "polardb_role", "polardb_user", "polardb_user_group",
	"polardb_user_home",
	"polardb_pgdata", "polardb_polardata", "polardb_replication_user", "polardb_password_encryption",
	"polardb_replication_password_encryption",
	"polardb_locale", "polardb_encoding", "polardb_hosts_file", "polardb_unit_hardening", "polardb_settings", "polardb_dma_settings",
	"polardb_hba_first",
	"polardb_hba"}

func writeVars(b *strings.Builder, indent string, vars map[string]any) {
	rank := func(key string) int {
		if at := slices.Index(fragmentOrder, key); at >= 0 {
			return at
		}
		return len(fragmentOrder)
	}
	keys := slices.SortedFunc(maps.Keys(vars), func(a, c string) int { return cmp.Or(cmp.Compare(rank(a), rank(c)), cmp.Compare(a, c)) })
	for _, key := range keys {
		switch v := vars[key].(type) {
		case map[string]any:
			fmt.Fprintf(b, "%s%s:\n", indent, scalar(key))
			for _, name := range slices.Sorted(maps.Keys(v)) {
				fmt.Fprintf(b, "%s  %s: %s\n", indent, scalar(name), scalar(v[name]))
			}
		case []any:
			fmt.Fprintf(b, "%s%s:\n", indent, scalar(key))
			for _, item := range v {
				fmt.Fprintf(b, "%s  - %s\n", indent, scalar(item))
			}
		default:
			fmt.Fprintf(b, "%s%s: %s\n", indent, scalar(key), scalar(v))
		}
	}
}

// scalar returns a value as YAML has it. A text that could be something else, or a template, is quoted, and a template no template.
func scalar(value any) string {
	text, is := value.(string)
	if !is {
		return fmt.Sprint(value)
	}
	quoted := strconv.QuoteToGraphic(text)
	if strings.ContainsFunc(quoted, func(r rune) bool { return r > 0x7e }) {
		quoted = strconv.QuoteToASCII(text)
	}
	if strings.Contains(text, "{{") || strings.Contains(text, "{%") || strings.Contains(text, "{#") {
		return "!unsafe " + quoted
	}
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_./-", r)
	})
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' }
	if plain && letter(text[0]) && truth(text) == "" && !slices.Contains([]string{"null", "inf", "nan"}, strings.ToLower(text)) {
		return text
	}
	return quoted
}
