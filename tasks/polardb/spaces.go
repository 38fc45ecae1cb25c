package polardb

import (
	"context"
	"fmt"
	"slices"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// spaceDoubts returns why a node cannot take tablespaces in its present state; empty: it can.
func (a *NodeArgs) spaceDoubts(ctx context.Context, h tasks.Host, spaces []tablespace) ([]string, error) {
	if len(spaces) == 0 {
		return nil, nil
	}
	text := a.script("polardb_space_look", nil, locations(spaces)...)
	answer, err := h.Shell().Run(ctx, remote.Command{Script: text})
	if err != nil {
		return nil, err
	}
	if err := files.ScriptFailed(answer); err != nil {
		return nil, &tasks.Failure{Msg: "cannot check the places of the tablespaces on " + h.Name(), Err: err}
	}
	return readSpaceLook(h.Name(), a.User, spaces, answer.Stdout)
}

func readSpaceLook(host, user string, spaces []tablespace, stdout []byte) ([]string, error) {
	var found struct {
		Spaces []struct {
			Other    string   `answer:"other"`
			Stranger string   `answer:"stranger"`
			Kind     string   `answer:"kind"`
			Owner    string   `answer:"owner"`
			Holds    []string `answer:"holds"`
		} `answer:"space"`
	}
	if err := script.Decode(stdout, &found); err != nil {
		return nil, err
	}
	var doubts []string
	for i, s := range found.Spaces[:min(len(spaces), len(found.Spaces))] {
		doubt := func(format string, args ...any) {
			doubts = append(doubts, fmt.Sprintf("%s in %s ", spaces[i].name, spaces[i].location)+fmt.Sprintf(format, args...))
		}
		if s.Other != "" {
			doubt("is a tablespace of the node in %s on %s", s.Other, host)
		}
		if s.Stranger != "" {
			doubt("is not safe on %s: %s, and could replace it", host, s.Stranger)
		}
		if s.Kind != "" {
			doubt("is not a directory on %s", host)
		}
		if s.Owner != "" && s.Owner != "root" && s.Owner != user {
			doubt("belongs to %s on %s", s.Owner, host)
		}
		if len(s.Holds) > 0 {
			doubt("is not empty on %s: %s", host, firstOf(s.Holds, 3))
		}
	}
	return doubts, nil
}

// announce makes the leader's next base backup include its tablespaces.
func (c *ClusterArgs) announce(ctx context.Context, h tasks.Host, list []WantedNode, leader dma.View, spaces []tablespace) error {
	on, err := NodeNamed(list, leader.Node)
	if err != nil {
		return err
	}
	if on.Pgdata == "" || on.Polardata == "" {
		if len(spaces) == 0 {
			return nil
		}
		return &tasks.ArgError{
			Arg:     "nodes",
			Problem: "lacks pgdata and polardata of " + leader.Node + ", which are needed because the cluster has tablespaces",
		}
	}
	host, err := h.Peer(ctx, leader.Node)
	if err != nil {
		return err
	}
	root, err := host.As(ctx, "")
	if err != nil {
		return err
	}
	words := []string{on.Polardata, on.Pgdata}
	for _, t := range spaces {
		words = append(words, fmt.Sprint(t.oid))
	}
	answer, err := root.Run(ctx, remote.Command{
		Script: scripts.Script("polardb_account", script.Values{"OWNER": on.User, "inner": scripts.Text("polardb_announce")}, words...),
	})
	if err != nil {
		return err
	}
	if err := files.ScriptFailed(answer); err != nil {
		return &tasks.Failure{Msg: "cannot prepare a base backup of " + leader.Node + " with the tablespaces", Err: err}
	}
	return nil
}

// sameSpaces fails when the tablespaces have changed since a copy was begun.
func (c *ClusterArgs) sameSpaces(ctx context.Context, h tasks.Host, list []WantedNode, leader dma.View, spaces []tablespace) error {
	now, err := c.tablespaces(ctx, h, list, leader)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(now, spaces, func(a, b tablespace) bool { return a.oid == b.oid && a.location == b.location }) {
		return &tasks.Failure{
			Msg:  fmt.Sprintf("while %s was copied a tablespace was made or dropped: the copy is not used", leader.Node),
			Hint: "run again",
		}
	}
	return nil
}

// locations returns the tablespaces' directories, in the same order.
func locations(spaces []tablespace) []string {
	var all []string
	for _, t := range spaces {
		all = append(all, t.location)
	}
	return all
}
