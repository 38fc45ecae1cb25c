package builtin

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/web"
)

// deb822Key is a repository whose key the host fetches. The key gets a file of its own, which Signed-By then names.
type deb822Key struct {
	*deb822
	url string
	web webArgs
	l   tasks.Local
}

// keyAt returns the URL of a key; empty: it is given in another way.
func keyAt(signedBy string) string {
	if strings.Contains(signedBy, "\n") || !strings.Contains(signedBy, "://") {
		return ""
	}
	return strings.TrimSpace(signedBy)
}

func newDeb822Key(d *deb822, l tasks.Local) (tasks.Action, error) {
	w := webArgs{URL: keyAt(d.args.SignedBy), Agent: "ansible-httpget", UseProxy: true, ValidateCerts: true, UseNetrc: true}
	if err := w.check("deb822_repository", l, "http", "https", "ftp", "file"); err != nil {
		return nil, err
	}
	return tasks.AskApply(&deb822Key{d, w.URL, w, l}), nil
}

// deb822KeyFound is what the host has of both files, and the key as the file is to be.
type deb822KeyFound struct {
	list, key tasks.Found
	file      *files.Edit
}

// Probe looks at the list, and at what there is to make a request with.
func (k *deb822Key) Probe() string { return web.Probe(true) + k.deb822.Probe() }

// Ask fetches the key, and looks at its file.
func (k *deb822Key) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (deb822KeyFound, error) {
	found := deb822KeyFound{list: probed}
	var tools web.Tools
	if err := probed.Decode(&tools); err != nil {
		return found, err
	}
	key, err := k.fetch(ctx, h, tools)
	if err != nil {
		return found, err
	}
	name := k.paths()[2]
	if bytes.Contains(key, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
		name = k.paths()[1]
	}
	if found.file, err = files.NewEdit("deb822_repository", files.EditArgs{Attributes: files.Attributes{Mode: "0644"}, Path: name}, true,
		k.l); err != nil {
		return found, err
	}
	found.file.Rewrite = func(text string, exists bool) (string, string, map[string]any, error) {
		if exists && text == string(key) {
			return text, "", nil, nil
		}
		return string(key), "write the key " + name, nil, nil
	}
	r, err := h.Shell().Run(ctx, remote.Command{Script: found.file.Probe()})
	found.key = tasks.Found{Result: r}
	return found, err
}

func (k *deb822Key) fetch(ctx context.Context, h tasks.Host, tools web.Tools) ([]byte, error) {
	c, err := web.NewClient(ctx, h, tools, k.web.options("", "", 10))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	answer, err := c.Do(ctx, web.Request{Method: "GET", URL: k.url})
	if err != nil {
		return nil, err
	}
	if answer.Status != 200 && answer.Status != 0 {
		return nil, &tasks.Failure{Msg: fmt.Sprintf("Could not fetch signed_by key: %s, %s", k.url, webMessage(answer))}
	}
	key, err := c.Body(ctx)
	if err == nil && len(key) == 0 {
		err = &tasks.Failure{Msg: "Could not fetch signed_by key: " + k.url + " is empty"}
	}
	return key, err
}

// deb822Change is what becomes of the key's file and of the list.
type deb822Change struct {
	keyFile   *files.Edit
	key, list tasks.Plan
}

// Plan plans for both files.
func (k *deb822Key) Plan(found deb822KeyFound) (tasks.Plan, deb822Change, error) {
	c := deb822Change{keyFile: found.file}
	var err error
	if c.key, err = found.file.Plan(found.key); err != nil {
		return tasks.Plan{}, c, err
	}
	k.signedBy = found.file.Path
	if c.list, err = k.deb822.Plan(found.list); err != nil || c.list.Unknown != "" {
		return c.list, c, err
	}
	plan := tasks.Plan{Change: c.key.Change || c.list.Change, Values: c.list.Values, Event: true, Diff: append(c.key.Diff, c.list.Diff...)}
	plan.Msg = strings.Trim(c.key.Msg+", "+c.list.Msg, ", ")
	return plan, c, nil
}

// Apply writes the key before the list that names it.
func (k *deb822Key) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, c deb822Change) (tasks.Result, error) {
	values := maps.Clone(c.list.Values)
	for _, one := range []struct {
		file *files.Edit
		plan tasks.Plan
	}{{c.keyFile, c.key}, {k.file, c.list}} {
		if !one.plan.Change {
			continue
		}
		if _, err := files.RunPlan(ctx, h.Shell(), one.plan); err != nil {
			return tasks.Result{}, err
		}
		again, err := files.Prove(ctx, h.Shell(), one.file, one.plan)
		if err != nil {
			return tasks.Result{}, err
		}
		if one.file == k.file {
			maps.Copy(values, again.Values)
		}
	}
	return tasks.Result{Changed: true, Values: values}, nil
}
