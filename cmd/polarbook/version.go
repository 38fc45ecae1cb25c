package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build.
var version = "development"

type versionCmd struct{}

func (versionCmd) Run(t *terminal) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				revision = " (" + s.Value[:12] + ")"
			}
		}
	}
	fmt.Fprintf(t.out, "polarbook %s%s %s/%s\n", version, revision, runtime.GOOS, runtime.GOARCH)
	return nil
}
