package polardb

import (
	"fmt"
	"slices"
)

// packers are the programs that compress backups, the better first.
var packers = []string{"zstd", "gzip"}

// packer returns the program with which a host compresses a backup, and why it cannot; both are empty where it is not to be.
func packer(wanted string, there []string) (with, problem string) {
	switch wanted {
	case "none":
		return "", ""
	case "auto":
		for _, p := range packers {
			if slices.Contains(there, p) {
				return p, ""
			}
		}
		return "", ""
	}
	if !slices.Contains(there, wanted) {
		return "", fmt.Sprintf("this host has no program %s to compress the backup with", wanted)
	}
	return wanted, ""
}

// unpackable returns why a host cannot take a backup out of its archives; "": it can.
func unpackable(d *backupDescription, there []string) string {
	if with := d.packedWith(); with != "" && !slices.Contains(there, with) {
		return fmt.Sprintf("it is compressed, and this host has no program %s: install the package %s", with, with)
	}
	return ""
}
