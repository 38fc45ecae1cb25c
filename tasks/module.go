// Package tasks is the contract between the engine and the modules: what a single task does to a single host.
//
// A Module is described once: its name, its arguments and what it returns. Define makes it of a struct of arguments, whose
// form package argument describes, and a function that builds the work. The loader checks playbooks against that
// description, `polarbook doc` prints it, and the arguments are decoded with it.
//
// # The life of a task
//
//  1. Module.New decodes the arguments and builds an Action. It sees the control node, through Local, and no host.
//  2. Action.Probe is a script that only reads. Find completes its answer by what the work asks itself.
//  3. Action.Plan compares what is wanted with what was found. It is pure. In check mode the task ends here.
//  4. Plan.Script makes the change, and the engine probes and plans again: the task fails when a change is still wanted.
//     Work that is an Applier makes the change, and proves it, itself.
//
// # Forms of work
//
// A probe and a script are enough for many modules: they are an Action as they stand. The others ask (SQL, other hosts, the
// control node), or make a change that is more than one script. Such work has types of its own: F for what it found, C for
// what its Plan hands to Apply. It implements the interface of its form, and the function of the same name makes an Action
// of it:
//
//	what it needs to know     Plan is enough for the change     Apply needs a C as well
//	its arguments             Know(Knows)
//	a probe's answer          an Action as it is                ProbeApply(ProbesApplies[C])
//	what it asks              Ask(Asks[F])                      AskApply(AsksApplies[F, C])
//
// Work that asks may have a probe as well: its Ask gets the answer.
//
// Optional abilities are found by assertion, on an Action or on the work it was made of: Applier for a change that is more
// than Plan.Script, Explainer for a better message when the script failed.
//
// # What a module may not do
//
// It knows hosts only through Host and Shell and the control node only through Local. It knows neither playbooks,
// inventories, templates nor the engine, and it never prints: Host.Say and Host.Progress do. Errors of arguments are
// ArgErrors, a task that ran in vain is a Failure with a hint; errors of a Host are returned as they are, or wrapped.
package tasks

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"

	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/tasks/remote"
)

// BecomeMethods are the ways to become another user on a host.
var BecomeMethods = remote.BecomeMethods

// Module describes one module. Define fills in what follows from the argument struct.
type Module struct {
	// Name is the short name, as a task spells it: "copy".
	Name string
	// Aliases are names that it had before; playbooks that use them go on working.
	Aliases []string
	// Collections are the prefixes under which Ansible knows it: "ansible.builtin". Modules of PolarDB's have none.
	Collections []string
	// Summary is one line without a full stop; Notes are paragraphs that follow it in the documentation.
	Summary string
	Notes   []string
	// FreeForm names the argument that a task may give as a bare string (`command: uptime`); empty: none.
	FreeForm string
	// NoAsync: as in Ansible, a task of it cannot have async.
	NoAsync bool
	// AnyArgs: argument names are the user's own (set_fact); they arrive in the field tagged `arg:",rest"`.
	AnyArgs bool
	// Without are arguments of Ansible's that it does not have: why, or what to do instead. A task that has one is refused with
	// these words.
	Without map[string]string
	Returns []Return
	// Examples is YAML, one or more tasks, and is itself loaded by a test.
	Examples string

	// Network returns what a task with these arguments (by their own names, rendered) wants of a network that a closed site does not
	// have, as a verb and its object; "": nothing. It is asked before the host is, and, with planned set, when there is something to be
	// changed. nil: never anything.
	Network func(values map[string]any, l Local, planned bool) string

	// Args is the argument table, derived from the struct given to Define.
	Args []argument.Spec
	// New reads arguments whose templates have been rendered (all but those of kind Raw) and returns the work to do.
	// An error is about the arguments and names the one.
	New func(values map[string]any, l Local) (Action, error)
}

// Return documents one key of a module's result.
type Return struct{ Name, Type, Doc string }

// Action is one task's work on one host, for one attempt. The engine calls its methods one after the other, from one
// goroutine at a time. Work that asks, or hands more to Apply than its plan, is made an Action by Ask and its like.
type Action interface {
	// Probe returns a read-only POSIX sh script whose answer is all that Plan has to know; empty when nothing has.
	// It runs as the task's user. A script must not depend on the ones before it: answers may be gathered in one trip.
	Probe() string
	// Plan compares what is wanted with what was found. It is pure: it touches neither host nor control node.
	Plan(found Found) (Plan, error)
}

// Applier is an Action whose change is more than one script. Others have Plan.Script run for them. Apply makes the change
// and proves that it took effect; the engine adds the plan's message, values and diff where the result has none. When ctx
// ends it stops, on the host too, and returns an error that wraps ctx.Err(); what it has changed by then stays, and the next
// run has to cope with it.
type Applier interface {
	Apply(ctx context.Context, h Host, p Plan) (Result, error)
}

// ErrJobLate means that a job was ended at the end of its time.
var ErrJobLate = errors.New("it was not done in the time that async allows")

// Detacher is an Action whose change can go on by itself on the host, as a job for the keyword async.
type Detacher interface {
	// Detach returns the id of a new job and the command that starts it, which answers with the line "file": where the job is
	// noted. The job does what the plan says, and is ended after limit seconds. A free one outlives the run; the other ends
	// with a run that is killed.
	Detach(p Plan, limit int, free bool) (id string, start remote.Command, err error)
	// EndJob returns the command that ends a job and forgets it.
	EndJob(id string) remote.Command
}

// Explainer is an Action that knows from its script's output why that failed; nil: it does not. Otherwise the last line of
// the output is the message.
type Explainer interface {
	Explain(made remote.Result) error
}

// Found holds what a probe answered.
type Found struct {
	remote.Result

	plan func() (Plan, error) // from what work that asks found
}

// Plan holds what there is to do, and what the task returns.
type Plan struct {
	// Change: there is something to do. Without it the task ends "ok" and Values is its result.
	Change bool
	// Unknown, when not empty, is what has to happen before the rest can be known; check mode reports it and goes on.
	Unknown string
	// Msg is for people: what will be done, or why there is nothing to do.
	Msg  string
	Diff []Diff
	// Script makes the change, unless the Action is an Applier. A non-zero exit is a failure.
	Script string
	// Stdin is given to Script.
	Stdin []byte
	// Uncut, when not empty, is what Script does that nobody may end half-way; see remote.Command.
	Uncut string
	// Event: the change is something that happens (a command) and not a state to be found afterwards.
	// Without it the engine probes again after Script, in the same round trip, plans again, and fails the task
	// when a change is still wanted: that is the proof that it took effect.
	Event bool
	// Proof, where it is not nil, judges that second answer in Plan's place: for a change that Plan would make once more, such
	// as a line that is added to at each run. What it returns is a change when the first did not take effect.
	Proof func(found Found) (Plan, error)
	// Values is the result so far. Made are values about the change itself (where the old file was kept): they are not
	// looked for again afterwards.
	Values map[string]any
	Made   map[string]any
	// Quiet: what Script does is no change of its own, such as having systemd read its files again; the result says ok.
	Quiet bool
	// Output: what Script wrote is returned as stdout and stderr, where it wrote something. An Event's is returned anyway.
	Output bool
	// Warnings are said whether there is something to do or not; Apply's Result has its own.
	Warnings []string

	apply func(ctx context.Context, h Host, p Plan) (Result, error) // with what Plan hands to Apply
}

// Complete adds to the result of an Applier what the plan has and the result has not: message, diff, and values.
func (p Plan) Complete(r Result) Result {
	if r.Msg == "" {
		r.Msg = p.Msg
	}
	if r.Diff == nil {
		r.Diff = p.Diff
	}
	values := make(map[string]any, len(p.Values)+len(r.Values))
	maps.Copy(values, p.Values)
	maps.Copy(values, r.Values)
	r.Values = values
	return r
}

// Diff is one thing before and after, for --diff. Either side may be empty. Secret contents are given as Hidden.
type Diff struct {
	Before, After             string
	BeforeHeader, AfterHeader string
	Hidden                    bool
}

// Result holds what a task has done.
type Result struct {
	Changed bool
	Skipped bool
	Msg     string
	// Values are the keys that `register` sees besides changed, failed, skipped and msg. The dict ansible_facts among
	// them becomes variables of the host.
	Values   map[string]any
	Diff     []Diff
	Warnings []string
}

// Failure is a task that ran and did not succeed, with the values that `register` and `rescue` see (rc, stdout, …).
// Any other error of an Action is wrapped in one by the engine.
type Failure struct {
	Msg    string
	Hint   string // what to do next
	Values map[string]any
	Err    error
}

func (f *Failure) Error() string {
	s := f.Msg
	if f.Err != nil {
		if s != "" {
			s += ": "
		}
		s += f.Err.Error()
	}
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

func (f *Failure) Unwrap() error { return f.Err }

// Shell runs scripts and moves files on a host as one user; *remote.Shell is one.
//
// Concurrency: its methods may be called from several goroutines at once. Runs then go one after the other; Streams and
// Uploads go on beside them.
//
// Cancelling: when ctx ends, the script is stopped on the host too, and the method returns an error that wraps ctx.Err(),
// after some seconds at most.
//
// Errors: a *remote.UnreachableError means that the connection is gone; whether the script came to its end is not known, and
// the shell is of no more use. A *remote.BecomeError means that the host does not let its user be become. After every other
// error, and after cancelling, the shell stays usable.
type Shell interface {
	// Run runs a script and returns what it wrote and its exit status. A status other than zero is not an error. More
	// output than the Command keeps is one, unless the Command says Cut.
	Run(ctx context.Context, c remote.Command) (remote.Result, error)
	// Stream is a Run that hands on its output line by line as it comes, each stream from one goroutine. A stream without a
	// function is in the Result. stdin is read until it ends; when reading it fails, so does Stream.
	Stream(ctx context.Context, c remote.Command, stdin io.Reader, stdout, stderr func(line []byte)) (remote.Result, error)
	// Upload puts a file in place, whole or not at all: after an error the file that was there is unchanged, and the same
	// Upload may be called again. errors.Is knows syscall.ENOSPC.
	Upload(ctx context.Context, u remote.Upload) error
	// ReadFile returns a whole file of at most limit bytes; a larger one is an error. errors.Is knows
	// fs.ErrNotExist, fs.ErrPermission and remote.ErrTooLarge.
	ReadFile(ctx context.Context, path string, limit int64) ([]byte, error)
}

// Host is one host, lent by the engine to an Action while that works on it. It connects at its first use.
//
// Concurrency: its methods may be called from several goroutines at once, until Ask or Apply returns. It must not be kept
// longer.
//
// Cancelling: when ctx ends, the method returns an error that wraps ctx.Err(); the Host stays usable. What a method returned
// before is not ended by that.
//
// Errors: *remote.UnreachableError (it cannot be reached, or the connection is lost; the next use connects anew),
// *remote.UnknownHostKeyError and *remote.ChangedHostKeyError (its key is not known, or is another than it was),
// *remote.LockedError (somebody else works on it). An Action returns them as they are, or wrapped: the engine knows what they
// mean for the play.
type Host interface {
	// Name is the inventory's.
	Name() string
	// Shell returns the shell of the task's user. It is opened at its first use, which is where errors of connecting show.
	Shell() Shell
	// As returns a shell of another user on the same host; the empty user is root. A *remote.BecomeError means that the
	// host does not let this user be become; the Host stays usable.
	As(ctx context.Context, user string) (Shell, error)
	// Dial connects from the host, through its SSH connection, as the user who is logged in: "tcp" and an address as the host
	// sees it, or "unix" and a path. ctx is for the dialling alone. What is dialled ends with the SSH connection.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// Peer returns another host of the inventory, whether or not --limit names it, connected. A peer that cannot be
	// reached is an error that names the peer; returned, it fails the task and does not make this host unreachable.
	Peer(ctx context.Context, name string) (Host, error)
	// Cached returns what create returned the first time that it was called with this key on this host's connection, so that a
	// database connection is opened once and the tasks that follow have it too. create is called once, also when several
	// ask at once; its error is returned to all of them and not kept. What has a Close method is closed when the SSH
	// connection ends.
	Cached(key string, create func() (any, error)) (any, error)
	// Drop closes and drops what Cached holds under key: a connection that broke.
	Drop(key string)
	// Progress reports work in hand, in bytes; a total of 0 means unknown.
	Progress(what string, done, total int64)
	// Say reports one line of what goes on in a long step (a basebackup, a wait), shown live and journalled.
	Say(line string)
}

// Here is a Host that may be the control node itself (connection: local), where work can do by itself what it needs programs for on
// a host.
type Here interface {
	// Here reports whether it is.
	Here(ctx context.Context) (bool, error)
}

// Resets is a Host whose connection its work may give up: the next use makes another, with the host's lock.
type Resets interface {
	Reset()
}

// Local is the control node's side of a task: its files, and its variables as the task sees them.
type Local interface {
	// Find looks for a file or directory as Ansible does: kind ("files", "templates", "") beside the task's file, its
	// role and the playbook, and in the binary for the built-in playbooks. It returns a file system and the path in it.
	Find(kind, name string) (fsys fs.FS, path string, err error)
	// Decrypted is a file system that Find returned, whose files that are encrypted with Ansible Vault are read decrypted.
	Decrypted(fsys fs.FS) fs.FS
	// Sum is the SHA-256 (hex) and size in bytes of a file that Find returned, computed once a run.
	Sum(fsys fs.FS, path string) (sum string, size int64, err error)
	// Render renders a template's text with the task's variables; name is for messages.
	Render(name, text string, o RenderOptions) (string, error)
	// Eval evaluates a Jinja2 expression without braces; Condition does so as `when` would.
	Eval(expr string) (any, error)
	Condition(expr string) (bool, error)
	// Secret notes a value that must never be shown; Mask replaces such values in a text.
	Secret(value string)
	// Check reports whether the run only asks (--check), Diff whether it shows differences (--diff).
	Check() bool
	Diff() bool
}

// Delegates is a Local that knows of delegate_to, for the module to which it means more than where it runs.
type Delegates interface {
	// Delegated is the host that delegate_to names; "": it is not given.
	Delegated() (string, error)
}

// Encrypted reports whether a file of Local.Decrypted is one that was encrypted: what is in it is not shown.
func Encrypted(info fs.FileInfo) bool {
	e, ok := info.(interface{ Encrypted() bool })
	return ok && e.Encrypted()
}

// TaskTeller is a Local that tells of the task itself what Ansible tells modules of a user's own.
type TaskTeller interface {
	// NoLog reports whether the task's arguments and result are not to be shown.
	NoLog() (bool, error)
}

// RenderOptions are the template module's, Ansible's defaults being TrimBlocks true and LstripBlocks false.
type RenderOptions struct {
	TrimBlocks, LstripBlocks   bool
	VariableStart, VariableEnd string
	BlockStart, BlockEnd       string
	CommentStart, CommentEnd   string
	NewlineSequence            string
	// File is the template's own file, which the template can name; nil where it has none.
	File *TemplateFile
}

// TemplateFile is what a template knows of its file: template_path and its like are variables made of it, and ansible_managed, unless
// that is set.
type TemplateFile struct {
	Name, Dest string // as the task has them
	// FS and Path are what Local.Find returned, and Info is of that.
	FS   fs.FS
	Path string
	Info fs.FileInfo
}
