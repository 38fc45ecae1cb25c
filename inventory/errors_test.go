package inventory

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

func TestLoadErrors(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"h.yml", "all:\n  hosts:\n    a:\n    b:\n    a:\n", `h.yml:5:5: the key "a" is here a second time; it is already on line 3`},
		{"h.yml", "all:\n  host:\n    a:\n", `h.yml:2:3: a group has hosts, vars and children, not "host"; did you mean "hosts"?`},
		{"h.yml", "all:\n  hosts: [a, b]\n", `h.yml:2:10: hosts of the group all must be a mapping`},
		{"h.yml", "- a\n", `h.yml:1:1: an inventory is a mapping of groups`},
		{"h.yml", "all:\n\thosts:\n", `h.yml:2: this is not YAML`},
		{"h.yml", "all:\n  vars:\n    p: !vault |\n      $ANSIBLE_VAULT;1.1\n",
			`h.yml:3:8: what stands behind !vault is not what ansible-vault writes: its first line has to be`},
		{"h.yml", "all: {vars: {p: !custom 1}}", `h.yml:1:17: the YAML tag !custom is not supported`},
		{"h.yml", "a: {children: {b: {children: {a: }}}}", `group "a" cannot be a child of "b"`},
		{"h.yml", "a: {hosts: {'n[1:': }}", `h.yml:1:13: "n[1:" has a [ without a ]`},
		{"h.yml", "a: {hosts: {'n[3:1]': }}", `it begins after its end`},
		{"h.yml", "a: {hosts: {'n[1:99999999]': }}", `stands for more than 100000 hosts`},
		{"h.yml", "a: {hosts: {'bad name': }}", `"bad name" cannot be the name of a host`},
		{"h.yml", "a: {hosts: {n: [1]}}", `the variables of host n must be a mapping`},
		{"h.yml", "plugin: aws_ec2\n", `h.yml:1:1: there is no inventory plugin aws_ec2 here`},
		{"h.yml", "a: {vars: &x {n: *x}}", `an anchor contains itself`},
		{"h.yml", "a: {}\n---\nb: {}\n", `h.yml:2:1: a second YAML document begins here`},
		{"h.ini", "[web\na\n", `h.ini:1:1: [web is not a section`},
		{"h.ini", "[web:var]\n", `h.ini:1:1: a section ends in :vars, :children or :hosts, not :var; did you mean "vars"?`},
		{"h.ini", "a x\n", `h.ini:1:3: expected name=value after the host, got "x"`},
		{"h.ini", "a x='1\n", `h.ini:1:5: this quote is not closed`},
		{"h.ini", "[web:vars]\nx\n", `h.ini:2:1: expected name=value in [web:vars], got "x"`},
		{"h.ini", "[web]\na\n[wbe:vars]\nx=1\n", `h.ini:3:1: [wbe:vars] names the group "wbe", which no section defines; did you mean "web"?`},
		{"h.ini", "[top:children]\nnone\n", `h.ini:2:1: [top:children] names the group "none", which no section defines`},
		{"h.ini", "x=1\n", `h.ini:1:1: a host's line begins with its name`},
		{"h.ini", "a:99999\n", `"99999" is not a port number`},
		{"h", "#!/bin/sh\n", `h:1:1: this is an inventory program that may not be run: chmod +x`},
		{"h", "$ANSIBLE_VAULT;1.1;AES256\n", `h:1:1: this is not data of Ansible Vault: a part of it is missing`},
	} {
		directory := write(t, map[string]string{c.file: c.text})
		_, err := Load([]string{filepath.Join(directory, c.file)})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), directory) {
			t.Errorf("%q:\n got  %v\n want %s", c.text, err, c.want)
		}
	}
	if _, err := Load([]string{"/no/such/inventory"}); err == nil || !strings.Contains(err.Error(), "/no/such/inventory does not exist") {
		t.Errorf("missing: %v", err)
	}
	directory := write(t, map[string]string{"h.ini": "a\n", "host_vars/a.yml": "x: 1\nx: 2\n"})
	if _, err := Load([]string{directory + "/h.ini"}); err == nil || !strings.Contains(err.Error(), "host_vars/a.yml:2:1: the key") {
		t.Errorf("host_vars: %v", err)
	}
}

func TestPatternErrors(t *testing.T) {
	i := New()
	i.AddHost("node1", []string{"polardb"}, nil)
	for pattern, want := range map[string]string{
		"": "is empty", "~(": "not a regular expression", "polardb[1]": "polardb has 1 hosts", "!": "empty",
	} {
		if got, err := i.Select(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %v", pattern, names(got), err)
		}
	}
	if got, err := i.Select("x*"); err != nil || len(got) != 0 {
		t.Errorf("a glob without matches: %v %v", got, err)
	}
}

// Names that stand for nothing are passed over, as ansible-core 2.14 and 2.19 do, and told of.
func TestUnmatched(t *testing.T) {
	i := New()
	i.AddHost("node1", []string{"polardb"}, nil)
	i.AddHost("node2", []string{"polardb"}, nil)
	_ = i.AddGroup("none", nil, nil)
	directory := write(t, map[string]string{"retry": "node1\nnod3\n"})
	for _, c := range []struct{ pattern, hosts, said string }{
		{"polardb", "node1 node2", ""},
		{"nod1", "", `no host or group is called "nod1"; did you mean "node1"?`},
		{"all:!poldb", "node1 node2", `no host or group is called "poldb"; did you mean "polardb"?`},
		{"all:&poldb", "", `no host or group is called "poldb"; did you mean "polardb"?`},
		{"node1,,x", "node1", `no host or group is called "x"`},
		{"polardb[0:0],zz[1]", "node1", `no host or group is called "zz"`},
		{"web*:~da.*:node1:none", "node1", `no host or group matches "web*"|no host or group matches "~da.*"`},
		{"@" + directory + "/retry", "", `no host or group is called "nod3"`},
	} {
		if got := strings.Join(i.Unmatched(c.pattern), "|"); got != c.said {
			t.Errorf("%q: said %s", c.pattern, got)
		}
		if got, err := i.Select(c.pattern); c.pattern[0] != '@' && (err != nil || names(got) != c.hosts) {
			t.Errorf("%q: %s %v", c.pattern, names(got), err)
		}
	}
	i.Grow()
	if got := i.Unmatched("nod1"); len(got) > 0 {
		t.Errorf("while hosts are added: %v", got)
	}
}

func TestLimit(t *testing.T) {
	i := New()
	for _, name := range []string{"a", "b", "c"} {
		i.AddHost(name, []string{"g"}, nil)
	}
	directory := write(t, map[string]string{"retry": "c\n# comment\na\n"})
	for pattern, want := range map[string]string{"c,a": "a c", "@" + directory + "/retry": "a c", "!b": "a c", "g[1]": "b", "all": "a b c"} {
		got, err := i.Limit(i.Hosts(), pattern)
		if err != nil || names(got) != want {
			t.Errorf("%s: %s %v", pattern, names(got), err)
		}
	}
	if _, err := i.Limit(i.Hosts(), "@/no/such/file"); err == nil {
		t.Error("a file that is not there is no error")
	}
	if got, err := i.Limit(i.Hosts(), "d"); err != nil || len(got) != 0 {
		t.Errorf("d: %s %v", names(got), err)
	}
}

func TestSources(t *testing.T) {
	directory := write(t, map[string]string{
		"inv/01.yml": "web: {hosts: {a: {x: 1}}, vars: {g: 1}}\n", "inv/02": "[web]\nb x=2\n", "inv/notes.md": "x",
		"inv/.hidden": "x:", "inv/03.cfg": "x",
		"inv/group_vars/web.yml": "g: 2\n", "inv/sub/04.ini": "c\n", "other.json": `{"web": {"hosts": {"a": {"x": 3}}}}`,
	})
	i, err := Load([]string{directory + "/inv", directory + "/other.json", "d,e:2222"})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(i.Hosts()); got != "c d e a b" {
		t.Errorf("hosts: %s", got)
	}
	a, _ := i.Host("a")
	vars, err := i.Vars(a)
	if err != nil || vars.Value("x") != 3 || vars.Value("g") != 2 || vars.Value("inventory_file") != directory+"/inv/01.yml" {
		t.Errorf("%v %v", vars, err)
	}
	e, _ := i.Host("e")
	if vars, _ := i.Vars(e); vars.Value("ansible_port") != 2222 || vars.Value("inventory_file") != nil {
		t.Errorf("%v", vars)
	}
	if at := i.Where("a", "g"); at.File != directory+"/inv/group_vars/web.yml" || at.Line != 1 {
		t.Errorf("where: %s", at)
	}
	if at := i.Where("b", ""); at.String() != directory+"/inv/02:2:1" {
		t.Errorf("where: %s", at)
	}
	local, ok := i.Host("localhost")
	if !ok || len(i.Hosts()) != 5 {
		t.Error("localhost is made up, and no member of all")
	}
	if vars, _ := i.Vars(local); vars.Value("ansible_connection") != "local" {
		t.Errorf("%v", vars)
	}
}

func TestAddingAtRunTime(t *testing.T) {
	i := New()
	i.AddHost("a", nil, nil)
	if got := i.Groups()["ungrouped"]; len(got) != 1 {
		t.Errorf("ungrouped: %v", got)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			i.AddHost("b", []string{"new"}, map[string]any{"x": 1})
			if err := i.AddGroup("os_debian", []string{"a", "unknown"}, []string{"os"}); err != nil {
				t.Error(err)
			}
			for _, h := range i.Hosts() {
				if _, err := i.Vars(h); err != nil {
					t.Error(err)
				}
				h.Groups()
			}
			_, _ = i.Select("all:!new")
		}()
	}
	group.Wait()
	a, _ := i.Host("a")
	if got := strings.Join(a.Groups(), " "); got != "os os_debian" {
		t.Errorf("groups: %s", got)
	}
	if err := i.AddGroup("os", nil, []string{"os_debian"}); err == nil {
		t.Error("a loop of groups is no error")
	}
}

func TestLayers(t *testing.T) {
	base := Layers{}.With(RoleDefaults, ordered.Of("a", 1, "d", 1)).With(InventoryVars, ordered.Of("a", 2)).With(ExtraVars, ordered.Of("z", 9))
	block := base.With(BlockVars, ordered.Of("a", 3, "z", 1))
	inner := block.With(BlockVars, ordered.Of("a", 4))
	other := block.With(BlockVars, ordered.Of("a", 5))
	for at, c := range []struct {
		layers Layers
		name   string
		want   any
	}{{base, "a", 2}, {block, "a", 3}, {inner, "a", 4}, {other, "a", 5}, {inner, "d", 1}, {inner, "z", 9}, {inner, "none", nil},
		{inner.Replace(BlockVars, nil), "a", 2}, {inner.With(SetFacts, ordered.Of("a", nil)), "a", nil}} {
		if got, _ := c.layers.Get(c.name); got != c.want {
			t.Errorf("%d: %v, want %v", at, got, c.want)
		}
	}
	if merged := inner.Merge(); merged.Value("a") != 4 || merged.Value("z") != 9 || strings.Join(merged.Keys(), "") != "adz" {
		t.Errorf("%v", merged)
	}
}

func TestLoadVars(t *testing.T) {
	directory := write(t, map[string]string{"v.yml": "a: yes\nb: {c: 010}\n", "empty.yml": "# nothing\n", "list.yml": "- a\n"})
	values, where, err := LoadVars(directory + "/v.yml")
	if err != nil || values["a"] != true || values["b"].(*ordered.Map).Value("c") != 8 || where["b"].Line != 2 {
		t.Errorf("%v %v %v", values, where, err)
	}
	if values, _, err := LoadVars(directory + "/empty.yml"); err != nil || len(values) != 0 {
		t.Errorf("%v %v", values, err)
	}
	for _, name := range []string{"list.yml", "none.yml"} {
		if _, _, err := LoadVars(directory + "/" + name); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}
