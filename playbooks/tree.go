// Package playbooks holds the built-in playbooks and the language they are written in: Ansible's, loaded into a typed
// tree in which everything has a place (file, line, column) and nothing is left unread. A keyword that is not
// implemented is refused when the playbook is loaded, never ignored.
//
// It knows modules (tasks), inventories and templates, whose syntax it checks. It must not know hosts, connections or
// how a playbook is run: that is playbooks/engine.
package playbooks

import (
	"io/fs"

	"github.com/polarbook/polarbook/tasks"
)

// Position is a place in a file, lines and columns counted from 1.
type Position struct {
	File   string
	Line   int
	Column int
}

// Playbook is a loaded file with everything that it includes statically.
type Playbook struct {
	// Name is what the user asked for ("new-cluster.yml"), Path where it was found; Builtin: in the binary.
	Name    string
	Path    string
	Builtin bool
	// Source is the file system the playbook was read from, Dir its directory there.
	Source fs.FS
	Dir    string
	Plays  []*Play
	// Doc is the comment at the head of the file: what it does and the variables it takes.
	Doc string
	// LocksNothing is set for a built-in playbook that only reads, and says so in its head comment: "Locks: nothing."
	// A run of such playbooks neither waits for the locks of hosts nor takes them.
	LocksNothing bool
	// Warnings name what is allowed but unlikely to be meant.
	Warnings []*Error
	// Unavailable are what tasks want that polarbook lacks, where only the run decides whether a host reaches them.
	Unavailable []*Error
	// Defined are the variables that files of the user's define, in the order in which they were read.
	Defined []Definition

	words []*file  // the files of the user's that it was loaded from
	roles []string // the directories of the roles that it uses, built-in ones left out
}

// Value holds what the YAML has, templates not rendered: string, bool, int, float64, nil, []any or *ordered.Map.
type Value struct {
	Raw any
	Pos Position
}

// Given reports whether the keyword was there at all.
func (v Value) Given() bool { return v.Pos.Line != 0 }

// Common are the keywords that plays, blocks, includes and tasks share; the inner one wins, lists are joined as in Ansible.
type Common struct {
	Pos               Position
	Name              Value // string, may hold templates
	Vars              map[string]Value
	When              []Value // all must hold; expressions
	Tags              []string
	Become            Value // bool
	BecomeUser        Value
	BecomeMethod      Value
	BecomeFlags       Value
	RemoteUser        Value
	Port              Value
	Environment       []Value // outermost first
	IgnoreErrors      Value
	IgnoreUnreachable Value
	NoLog             Value
	RunOnce           Value
	CheckMode         Value
	Diff              Value
	AnyErrorsFatal    Value
	Connection        Value // "local", or one of the names of SSH
	Throttle          Value
	Timeout           Value // seconds
	DelegateTo        Value
	DelegateFacts     Value
	ModuleDefaults    map[string]map[string]Value
	Collections       []string // where roles are found by their short names
}

// Play is one play.
type Play struct {
	Common
	Hosts             Value // string or list: a host pattern
	Order             string
	GatherFacts       Value
	GatherSubset      []string
	VarsFiles         []Value // each a string or a list of which the first that exists counts
	VarsPrompt        []VarsPrompt
	Serial            []Value
	Strategy          string // "linear" or "free"
	MaxFailPercentage Value
	ForceHandlers     Value

	PreTasks, Roles, Tasks, PostTasks []Node // Roles: blocks made of roles
	Handlers                          []Node

	// Origin is where the play's own relative file names (vars_files) are looked up.
	Origin Origin
}

// VarsPrompt is one question to ask before the play.
type VarsPrompt struct {
	Pos                      Position
	Name, Prompt             string
	Default                  Value
	Private, Confirm, Unsafe bool
	// Encrypt is how the answer is hashed, as the filter password_hash names it; empty: it is not. Without a Salt one of SaltSize
	// characters is made up, 0: as many as is usual.
	Encrypt, Salt string
	SaltSize      int
}

// Node is a *Task, *Block or *Include.
type Node interface{ Keywords() *Common }

// FreeText is the argument for what stands behind the name of a module that is known in the run alone: SplitArguments reads it.
const FreeText = "_raw_params"

// Task calls a module.
type Task struct {
	Common
	Module *tasks.Module
	// ModuleFrom is set instead of Module for `action: "{{ template }} arguments"`: its name is known in the run alone.
	ModuleFrom Value
	// Args are the module's, as written; FreeText among them is what stands behind a name of ModuleFrom. ArgsFrom is
	// `args: "{{ dict }}"`-style whole arguments, when given.
	Args     map[string]Value
	ArgsFrom Value

	Register    string
	Loop        *Loop
	Until       []Value
	Retries     Value
	Delay       Value // seconds
	Async       Value // seconds that the task may go on by itself
	Poll        Value // seconds between two looks at it; 0: nobody waits
	ChangedWhen []Value
	FailedWhen  []Value
	Notify      []Value
	Listen      []string // on handlers
	// Origin is where relative file names are looked up.
	Origin Origin
	// BuiltinAction is set instead of Module for what the engine does itself: "meta", "include_vars", "add_host", "group_by",
	// "pause", "validate_argument_spec" or "wait_for_connection".
	BuiltinAction string
	// Called is the module's name as written; a task without a name is called so.
	Called string
	// Unavailable is why it cannot be run, when there is no such module, or argument of it, here. A host that reaches the task
	// fails with it.
	Unavailable *Error

	sure bool // nothing but a notification decides whether it is reached
}

// Origin says where a task was written, for finding its files: ./files, ./templates and so on. Dir, RoleDir,
// RolesAround and PlayDir are paths in Source.
type Origin struct {
	Source  fs.FS
	Dir     string // of the file with the task
	RoleDir string // of its role; empty: none
	// RolesAround are the directories of the roles that brought that one in, the nearest first.
	RolesAround []string
	PlayDir     string
	Builtin     bool
	// WorkDir is the absolute path, without its leading slash, of the directory that polarbook runs in.
	WorkDir string
	// Templates are those in the binary, looked at last; nil: none.
	Templates fs.FS
	// Only is Options.Only.
	Only string
}

// Loop is `loop` or one of the `with_` forms.
type Loop struct {
	With    string // "" for loop, else "items", "dict", …
	Items   Value
	Control LoopControl
}

// LoopControl is loop_control.
type LoopControl struct {
	LoopVar, IndexVar string
	Label             Value
	Pause             Value // seconds
	Extended          bool
	WithoutAll        bool    // extended_allitems: false
	BreakWhen         []Value // when all hold after an item, the loop ends
}

// Block is block, rescue and always. A static import_tasks and a role are blocks too.
type Block struct {
	Common
	Block, Rescue, Always []Node
	Notify                []Value
	// Role is the role's name when the block is one, with its variables at their own levels of precedence.
	Role         string
	RoleDefaults map[string]Value
	RoleVars     map[string]Value
	RoleParams   map[string]Value
	RoleHandlers []Node
	// RoleFullName is NAMESPACE.COLLECTION.ROLE when the role is a collection's.
	RoleFullName string
	// RoleImported means that import_role brings the role in.
	RoleImported bool
	// RoleKey is the same for the same role with the same parameters: Ansible runs such a role once per host and play, unless
	// RoleRepeats (allow_duplicates, include_role and import_role). Empty: it is the same as no other.
	RoleKey     string
	RoleRepeats bool
	// RoleDependencies counts the roles that it depends on, which come first in Block, and which run again if they may when the
	// role itself does not.
	RoleDependencies int
	// RoleDir is the role's directory in its Origin's Source (role_path).
	RoleDir string
	// RolePublic means that the role's variables are the whole play's from then on (include_role with public: true;
	// those of roles: and import_role always are).
	RolePublic bool
}

// Include is include_tasks or include_role, resolved when it is reached because its name or loop may hold templates.
// When the name is literal, Nodes holds what it includes, loaded and checked. When it is not, and when a file includes
// itself under a condition, Nodes is nil and Resolve loads what is included once its name is known.
type Include struct {
	Common
	What  string // "include_tasks" or "include_role"
	File  Value
	Args  map[string]Value // include_role: name, tasks_from, …; apply
	Loop  *Loop
	Nodes []Node
	Apply *Common
	// ApplyNotify is what the included tasks notify by apply.
	ApplyNotify []Value
	Origin      Origin
	Listen      []string
	// Called is What as written.
	Called   string
	Register string

	// resolve loads with what was in force where the include stands.
	resolve func(args map[string]string) ([]Node, error)
	scope   *scope // what was in force
}

// Keywords returns the keywords shared by all kinds of node.
func (t *Task) Keywords() *Common { return &t.Common }

// Keywords returns the keywords shared by all kinds of node.
func (b *Block) Keywords() *Common { return &b.Common }

// Keywords returns the keywords shared by all kinds of node.
func (i *Include) Keywords() *Common { return &i.Common }
