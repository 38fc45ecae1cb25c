package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestKills kills polarbook POLARBOOK_KILLS times, at random moments of what changes a cluster most: its founding, adding,
// dropping or rebuilding a node, a new configuration or engine, and the recovery when most voters are gone. The same command
// finishes the work, and leaves a healthy cluster. It takes about 20 s a kill, so it is run by hand.
func TestKills(t *testing.T) {
	want, _ := strconv.Atoi(os.Getenv("POLARBOOK_KILLS"))
	if want == 0 {
		t.Skip("POLARBOOK_KILLS is not set: it says how often to kill polarbook")
	}
	dice := site.Dice(t)
	k := &killer{dice: dice, releases: site.Releases(t)}
	k.Site = site.New(t, site.Options{Cluster: "faults", Specs: site.Hosts("node1", "node2", "node3", "node4"),
		Group: site.Vars{"polardb_package": k.releases[0]}})
	k.found()
	ways := []struct {
		name string
		f    func()
	}{
		{"add or drop", k.addOrDrop}, {"reconfigure", k.reconfigure}, {"upgrade", k.upgrade}, {"rebuild", k.rebuild},
		{"recover", k.recover}, {"found anew", func() { k.destroy(); k.found() }},
	}
	for i := 0; k.kills < want && i < 4*want && !t.Failed(); i++ {
		if i%len(ways) == 0 { // each comes up as often as the others
			dice.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
		}
		w := ways[i%len(ways)]
		k.Subtest(t, fmt.Sprintf("%d %s", i, w.name), func(*testing.T) {
			w.f()
			k.Settles()
			if dice.IntN(4) == 0 {
				k.Run(0, "new-cluster.yml").Unchanged()
			}
		})
	}
	t.Logf("killed %d times", k.kills)
	if k.kills < want && !t.Failed() {
		t.Errorf("killed %d times, want %d", k.kills, want)
	}
}

type killer struct {
	*site.Site
	dice      *rand.Rand
	releases  [2]string
	kills     int
	installed int // which of the releases runs
	prepared  int // max_prepared_transactions on top of 20; it can only go up
}

// again runs a playbook, killing it up to three times, and then to its end.
func (k *killer) again(playbook string, args ...string) {
	k.T.Helper()
	for range 1 + k.dice.IntN(3) {
		k.kills += k.KillSomewhere(k.dice, playbook, args...)
	}
	k.Run(0, playbook, args...)
}

func (k *killer) found() { k.again("new-cluster.yml") }

func (k *killer) destroy() { k.again("destroy.yml", "-e", "confirm=faults") }

func (k *killer) addOrDrop() {
	c := k.Settles()
	if _, member := c.Roles()["node4"]; !member {
		k.again("add-node.yml", "--limit", "node4")
		return
	}
	if c.Leader == "node4" {
		k.Run(0, "switchover.yml")
	}
	wipe := "wipe=" + []string{"yes", "no"}[k.dice.IntN(2)]
	k.again("drop-node.yml", "-e", "node=node4", "-e", wipe, "-e", "confirm=node4")
	k.Run(0, "add-node.yml", "--limit", "node4")
}

func (k *killer) reconfigure() {
	k.prepared += k.dice.IntN(2)
	k.SetAll(site.Vars{"polardb_settings": site.Vars{
		"work_mem": fmt.Sprintf("%dMB", 4+k.dice.IntN(60)), "max_prepared_transactions": 20 + k.prepared,
	}})
	k.again("reconfigure.yml")
}

func (k *killer) upgrade() {
	k.installed = 1 - k.installed
	k.SetAll(site.Vars{"polardb_package": k.releases[k.installed]})
	k.again("upgrade.yml")
}

func (k *killer) rebuild() {
	followers := k.Settles().Followers()
	k.again("rebuild-node.yml", "--yes", "-e", "node="+followers[k.dice.IntN(len(followers))])
}

// recover kills all voters but one, goes on with that one, and rebuilds the others when they are back.
func (k *killer) recover() {
	c := k.Settles()
	voters := append(c.Followers(), c.Leader)
	k.dice.Shuffle(len(voters), func(i, j int) { voters[i], voters[j] = voters[j], voters[i] })
	survivor, lost := voters[0], voters[1:]
	slices.Sort(lost)
	for _, n := range lost {
		k.On(n, "systemctl stop "+k.Unit())
		must(k.Site, k.Lab.Host(n).Unplug())
	}
	list := ""
	for i, n := range lost {
		if i > 0 {
			list += ","
		}
		list += n
	}
	args := []string{"-e", "lost=" + list, "-e", "confirm=faults"}
	if k.dice.IntN(2) == 0 {
		args = append(args, "-e", "survivor="+survivor)
	}
	k.again("recover-majority.yml", args...)
	for _, n := range lost {
		must(k.Site, k.Lab.Host(n).Plug())
	}
	k.again("recover-majority.yml", args...)
}
