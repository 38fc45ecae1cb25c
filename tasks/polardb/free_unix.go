//go:build unix

package polardb

import "syscall"

// freeOf returns how many bytes are free for the user where a directory is.
func freeOf(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // the types are another system's as well
}
