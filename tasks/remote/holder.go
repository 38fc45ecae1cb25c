package remote

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Holder is the one who has locked a host.
type Holder struct {
	User     string    // who: name@machine
	Playbook string    // what is being run
	Run      string    // the run's name, as its journal has it
	Since    time.Time // when the run began, by the control node's clock
	PID      int       // of the process on the host that holds the lock
	// Silent is for how long the host has heard nothing from the control node, in whole seconds; it hears every KeepAlive.
	Silent time.Duration
	// Ending: the run is gone, and the host is ending what it left at work there.
	Ending bool
	// Waits is the part of that work which the host lets come to its end, because it must not be cut; "": none.
	Waits string
}

// LockedError means that somebody else has locked the host.
type LockedError struct {
	Host   string
	Holder Holder
}

func (e *LockedError) Error() string { return e.Host + ": locked by " + e.Holder.String() }

// String returns who, with what, in which run and since when.
func (h Holder) String() string {
	if h.Run == "" {
		return "somebody who has left no name"
	}
	if h.Ending {
		waits := ""
		if h.Waits != "" {
			waits = ", and waits for: " + h.Waits
		}
		return fmt.Sprintf("run %s of %s, which is gone; the host is ending what it left there%s", h.Run, h.User, waits)
	}
	return fmt.Sprintf("%s, who runs %s since %s (run %s)", h.User, h.Playbook, h.Since.Local().Format("2006-01-02 15:04:05"), h.Run)
}

// Younger reports whether h began after o, which all who compare the two agree on.
func (h Holder) Younger(o Holder) bool {
	if !h.Since.Equal(o.Since) {
		return h.Since.After(o.Since)
	}
	return h.Run > o.Run
}

// text returns the lock's file, without pid and born, which the host knows.
func (h Holder) text() string {
	return fmt.Sprintf("user=%s\nplaybook=%s\nrun=%s\nsince=%s\n",
		oneLine(h.User), oneLine(h.Playbook), oneLine(h.Run), h.Since.UTC().Format(time.RFC3339Nano))
}

// ParseHolder reads what HolderScript printed. false: nobody holds the lock.
func ParseHolder(text string) (Holder, bool) {
	var h Holder
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		switch name {
		case "user":
			h.User = value
		case "playbook":
			h.Playbook = value
		case "run":
			h.Run = value
		case "since":
			h.Since, _ = time.Parse(time.RFC3339Nano, value)
		case "pid":
			h.PID, _ = strconv.Atoi(value)
		case "ending":
			h.Ending = true
		case "waits":
			h.Waits = value
		case "silent":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				h.Silent = time.Duration(n) * time.Second
			}
		}
	}
	return h, h.PID > 0
}

// HolderScript prints who holds the lock in a directory ("": the default), nothing when nobody does. It only reads.
func HolderScript(dir string) string {
	return assign("f", lockFile(dir)) + scriptText("holding") + scriptText("holder")
}

// ReleaseScript ends the process that holds the lock for a run, whoever's it is, with it the lock, and then what the run
// left at work there. What must not be cut goes on: the script names it in a line "waits=", and the next who locks the
// host waits for it. It fails when the holder does not end.
func ReleaseScript(dir, run string) string {
	return assign("f", lockFile(dir), "run", oneLine(run)) + scriptText("holding") + fenceFunctions + scriptText("release")
}

func lockDir(dir string) string {
	if dir == "" {
		return "/run/polarbook"
	}
	return dir
}

func lockFile(dir string) string { return lockDir(dir) + "/lock" }

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
