//go:build !linux

package lab

import "errors"

// Mount needs Linux, as labs do.
func (h *Host) Mount(string, *Host, string) error { return errors.New("labs need Linux") }
