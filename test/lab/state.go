package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stateRoot holds one folder a lab. It is on disk and not below /run, because it holds the hosts' disks.
const stateRoot = "/var/lib/polarbook-lab"

// record is what a lab writes down of itself, for other processes to open, list and remove it.
type record struct {
	Name     string
	Owner    owner
	Subnet   int // the third number of 10.77.x.0/24
	Uplink   string
	Password string
	Hosts    []hostRecord
}

type hostRecord struct {
	Name    string
	Address string
	HostKey string
	Release string
	Flavour string
	Disk    string
}

// owner is the process without which a lab is a leftover. A process number alone would not do: numbers are
// used again, and a machine that has been started anew has no labs at all.
type owner struct {
	PID     int    // 0: no process; the lab was meant to stay
	Started string // the process's start, in clock ticks after boot
	Boot    string
}

func thisProcess() (owner, error) {
	boot, err := bootID()
	if err != nil {
		return owner{}, err
	}
	started, err := processStart(os.Getpid())
	return owner{PID: os.Getpid(), Started: started, Boot: boot}, err
}

func (o owner) alive() bool {
	boot, err := bootID()
	if err != nil || boot != o.Boot {
		return false
	}
	if o.PID == 0 {
		return true
	}
	started, err := processStart(o.PID)
	return err == nil && started == o.Started
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read which boot of the machine this is: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}

func processStart(pid int) (string, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", fmt.Errorf("read when process %d started: %w", pid, err)
	}
	// The second field is the program's name in brackets and may hold anything, brackets and spaces too.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", fmt.Errorf("read when process %d started: its stat has %d fields", pid, len(fields))
	}
	return fields[19], nil
}

func stateDir(name string) string { return filepath.Join(stateRoot, name) }

func (r *record) save() error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("write down lab %s: %w", r.Name, err)
	}
	path := filepath.Join(stateDir(r.Name), "lab.json")
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("write down lab %s: %w", r.Name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write down lab %s: %w", r.Name, err)
	}
	return nil
}

func load(name string) (*record, error) {
	text, err := os.ReadFile(filepath.Join(stateDir(name), "lab.json"))
	if err != nil {
		return nil, fmt.Errorf("open lab %s: %w", name, err)
	}
	r := new(record)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("open lab %s: %w", name, err)
	}
	return r, nil
}

// records reads all labs on this machine. The caller holds the lock on stateRoot.
func records() ([]*record, error) {
	entries, err := os.ReadDir(stateRoot)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the labs: %w", err)
	}
	var all []*record
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		r, err := load(entry.Name())
		if err != nil {
			// Its maker died between making the folder and writing the record, both done under the lock
			// that the caller now holds: nothing else was made yet.
			if err := os.RemoveAll(stateDir(entry.Name())); err != nil {
				return nil, fmt.Errorf("remove the beginnings of lab %s: %w", entry.Name(), err)
			}
			continue
		}
		all = append(all, r)
	}
	return all, nil
}
