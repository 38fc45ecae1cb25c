package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// keeper does to a cluster what a DBA does, and what bad luck does.
type keeper struct {
	*site.Site
	dice     *rand.Rand
	releases [2]string
	backups  int
	prepared int  // max_prepared_transactions beyond 20; it only goes up
	second   bool // the second release runs
	spare    bool // node4 is out of the cluster
}

// operation is one of the things that a keeper does. It begins with a healthy cluster and leaves one that becomes healthy by
// itself.
type operation struct {
	name   string
	chance int // among all
	do     func()
}

func (k *keeper) operations() []operation {
	return []operation{
		{"switchover", 3, func() { k.Run(0, "switchover.yml", "-e", "to="+k.follower()) }},
		{"restart", 2, func() { k.Run(0, "restart.yml") }},
		{"reconfigure", 2, k.reconfigure},
		{"drop or add", 2, k.dropOrAdd},
		{"rebuild", 2, func() { k.Run(0, "rebuild-node.yml", "--yes", "-e", "node="+k.follower()) }},
		{"demote and promote", 1, k.votes},
		{"upgrade", 1, k.upgrade},
		{"backup", 1, k.backup},
		{"the leader's server is killed", 2, func() { k.killServer(k.Leader()) }},
		{"a follower's server is killed", 2, func() { k.killServer(k.follower()) }},
		{"polarbook is killed", 3, k.killRun},
		{"the power of a host is cut", 2, func() { k.cutPower(k.member()) }},
		{"the power of all hosts is cut", 1, func() { k.cutPower(k.Names()...) }},
		{"the network of a host is cut", 2, k.cutNetwork},
		{"the leader stands still", 1, k.freeze},
	}
}

func (k *keeper) choose(list []operation) operation {
	sum := 0
	for _, w := range list {
		sum += w.chance
	}
	at := k.dice.IntN(sum)
	for _, w := range list {
		if at -= w.chance; at < 0 {
			return w
		}
	}
	panic("no operation")
}

// pick returns a random element.
func pick[T any](dice *rand.Rand, list ...T) T { return list[dice.IntN(len(list))] }

func (k *keeper) follower() string { return pick(k.dice, k.Settles().Followers()...) }

func (k *keeper) member() string { return pick(k.dice, k.Names()...) }

func (k *keeper) reconfigure() {
	k.prepared += k.dice.IntN(2)
	k.SetAll(site.Vars{"polardb_settings": site.Vars{
		"work_mem": fmt.Sprintf("%dMB", 4+k.dice.IntN(60)), "max_prepared_transactions": 20 + k.prepared,
	}})
	k.Run(0, "reconfigure.yml")
}

func (k *keeper) dropOrAdd() {
	if k.spare {
		k.Only(nodes...)
		k.Run(0, "add-node.yml", "--limit", "node4")
		k.spare = false
		return
	}
	if k.Leader() == "node4" {
		k.Run(0, "switchover.yml")
	}
	k.Run(0, "drop-node.yml", "-e", "node=node4", "-e", "wipe=yes", "-e", "confirm=node4")
	k.Only(nodes[:3]...)
	k.spare = true
}

func (k *keeper) votes() {
	f := k.follower()
	k.Run(0, "demote-follower.yml", "-e", "node="+f)
	time.Sleep(time.Duration(k.dice.IntN(1000)) * time.Millisecond)
	k.Run(0, "promote-learner.yml", "-e", "node="+f)
}

func (k *keeper) upgrade() {
	k.second = !k.second
	release := k.releases[0]
	if k.second {
		release = k.releases[1]
	}
	k.SetAll(site.Vars{"polardb_package": release})
	k.Run(0, "upgrade.yml")
}

func (k *keeper) backup() {
	on := k.member()
	k.backups++
	to := fmt.Sprintf("/backup/%d", k.backups)
	k.Run(0, "backup.yml", "-e", "on="+on, "-e", "to="+to)
	k.On(on, "rm -rf "+to)
}

// killServer kills a server, and starts it unless systemd has done so.
func (k *keeper) killServer(node string) {
	k.On(node, fmt.Sprintf("kill -9 $(head -n 1 %s/postmaster.pid)", k.Pgdata(node)))
	k.notGreenWhile(node)
	time.Sleep(time.Duration(k.dice.IntN(3000)) * time.Millisecond)
	k.Run(0, "start.yml")
}

func (k *keeper) killRun() {
	f := k.follower()
	run := pick(k.dice, []string{"switchover.yml", "-e", "to=" + f}, []string{"restart.yml"},
		[]string{"rebuild-node.yml", "--yes", "-e", "node=" + f}, []string{"new-cluster.yml"})
	k.KillSomewhere(k.dice, run[0], run[1:]...)
	k.Run(0, run[0], run[1:]...)
}

// cutPower kills hosts at once, and boots them after a while. Their servers start with them.
func (k *keeper) cutPower(names ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, n := range names {
		k.must(k.Lab.Host(n).Kill(ctx))
	}
	k.notGreenWhile(names[0])
	time.Sleep(time.Duration(k.dice.IntN(5000)) * time.Millisecond)
	for _, n := range names {
		k.must(k.Lab.Host(n).Boot(ctx))
	}
}

func (k *keeper) cutNetwork() {
	n := k.member()
	k.must(k.Lab.Host(n).Unplug())
	k.notGreenWhile(n)
	time.Sleep(time.Duration(k.dice.IntN(10000)) * time.Millisecond)
	k.must(k.Lab.Host(n).Plug())
}

// freeze stops the leader's processes, as when the host's storage hangs, for about as long as an election takes.
func (k *keeper) freeze() {
	leader := k.Leader()
	k.On(leader, "pkill -STOP -u polardb")
	time.Sleep(time.Duration(k.dice.IntN(8000)) * time.Millisecond)
	k.On(leader, "pkill -CONT -u polardb")
}

// notGreenWhile fails when polarbook status succeeds although the node's server answered neither before nor after it.
func (k *keeper) notGreenWhile(node string) {
	k.T.Helper()
	if k.answers(node) {
		return
	}
	o := k.Start(nil, "status").Wait()
	if !k.answers(node) && o.Code == 0 {
		k.T.Errorf("status is green while %s does not answer\n%s", node, o.Stdout)
	}
}

func (k *keeper) answers(node string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := k.Connect(ctx, node)
	if err != nil {
		return false
	}
	_ = conn.Close(ctx)
	return true
}

func (k *keeper) must(err error) {
	k.T.Helper()
	if err != nil {
		k.T.Fatal(err)
	}
}
