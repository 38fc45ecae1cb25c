package builtin

import (
	"context"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/web"
)

// unarchiveURL is an unarchive whose archive the host fetches first. What was fetched lies on the host until the task is done.
type unarchiveURL struct {
	*unarchive
	web webArgs
}

func newUnarchiveURL(u *unarchive, l tasks.Local) (tasks.Action, error) {
	w := webArgs{URL: u.Src, Agent: "ansible-httpget", UseProxy: true, ValidateCerts: u.Verified, UseNetrc: true}
	if err := w.check("unarchive", l, "http", "https", "ftp", "file"); err != nil {
		return nil, err
	}
	return tasks.AskApply(&unarchiveURL{unarchive: u, web: w}), nil
}

// fetchedArchive is what is known of a host, and the archive there; nil: nothing had to be fetched.
type fetchedArchive struct {
	unarchiveFound
	at     *unarchive
	client *web.Client
}

// Probe looks at dest, and at what there is to make a request with.
func (u *unarchiveURL) Probe() string {
	nothing := *u.unarchive
	nothing.RemoteSrc = false // the archive is not there yet
	return web.Probe(true) + nothing.Probe()
}

// Ask fetches the archive and compares it with what is there. Only when it has to be unpacked is it kept.
func (u *unarchiveURL) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (fetchedArchive, error) {
	var tools web.Tools
	if err := probed.Decode(&tools); err != nil {
		return fetchedArchive{}, err
	}
	found, err := u.found(probed)
	if err != nil || (conditions{Creates: u.Creates}).skip(found.met) != "" || found.said.Dest.Kind != "directory" {
		return fetchedArchive{unarchiveFound: found}, err
	}
	c, err := web.NewClient(ctx, h, tools, u.web.options("", "", 10))
	if err != nil {
		return fetchedArchive{}, err
	}
	f, err := u.fetch(ctx, h, c)
	if err == nil && !u.asking {
		if plan, wrong := f.at.Plan(f.unarchiveFound); wrong == nil && plan.Change {
			f.client = c
			return f, nil
		}
	}
	c.Close()
	return f, err
}

// fetch fetches the archive, and looks at the host again, which has it now.
func (u *unarchiveURL) fetch(ctx context.Context, h tasks.Host, c *web.Client) (fetchedArchive, error) {
	answer, err := c.Do(ctx, web.Request{Method: "GET", URL: u.Src})
	if err != nil {
		return fetchedArchive{}, err
	}
	if answer.Status != 200 && answer.Status != 0 {
		return fetchedArchive{}, &tasks.Failure{
			Msg:  fmt.Sprintf("Failure downloading %s, %s", u.Src, webMessage(answer)),
			Hint: "nothing was changed: is the address right? get_url and uri take a user, a password and headers",
		}
	}
	sums, err := c.Sums(ctx, "")
	if err != nil {
		return fetchedArchive{}, err
	}
	if err := cutShort(answer, sums); err != nil {
		return fetchedArchive{}, err
	}
	there := *u.unarchive
	there.at = c.Out()
	r, err := h.Shell().Run(ctx, remote.Command{Script: there.Probe()})
	if err != nil {
		return fetchedArchive{}, err
	}
	found, err := there.Ask(ctx, h, tasks.Found{Result: r})
	return fetchedArchive{unarchiveFound: found, at: &there}, err
}

// Plan plans as for an archive that is on the host. Where none was fetched there is nothing to unpack, or nowhere to.
func (u *unarchiveURL) Plan(found fetchedArchive) (tasks.Plan, fetchedArchive, error) {
	if found.at == nil {
		found.at = u.unarchive
		found.said.Archive = "not fetched"
	}
	plan, err := found.at.Plan(found.unarchiveFound)
	return plan, found, err
}

// Apply unpacks what was fetched.
func (u *unarchiveURL) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found fetchedArchive) (tasks.Result, error) {
	defer found.client.Close()
	return found.at.Apply(ctx, h, p)
}
