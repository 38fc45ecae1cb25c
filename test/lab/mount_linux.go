package lab

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Mount shows a directory of another host at a place of this one, until either goes down: what hosts of a site mount from a file
// server. Accounts are the numbers that they have, as with NFS; root may do all, as without root_squash.
func (h *Host) Mount(place string, from *Host, directory string) error {
	failed := make(chan error)
	go func() {
		// The thread ends with the goroutine: it has been in two hosts.
		runtime.LockOSThread()
		failed <- h.mount(place, from, directory)
	}()
	if err := <-failed; err != nil {
		return fmt.Errorf("mount %s of %s on %s: %w", directory, from.Name, h.Name, err)
	}
	return nil
}

func (h *Host) mount(place string, from *Host, directory string) error {
	theirs, err := from.files()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(theirs) }()
	ours, err := h.files()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(ours) }()
	if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(theirs, unix.CLONE_NEWNS)); err != nil {
		return err
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, directory, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("%s: %w", directory, err)
	}
	defer func() { _ = unix.Close(tree) }()
	if err := unix.Setns(ours, unix.CLONE_NEWNS); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", unix.AT_FDCWD, place, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// files opens what the host's processes see as their files.
func (h *Host) files() (namespace int, err error) {
	pid, err := h.initPID()
	if err != nil {
		return -1, err
	}
	return unix.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}
