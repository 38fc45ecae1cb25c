package builtin

import "runtime"

// noModes means that files of this machine have no mode that could be kept: the one that Go makes up would let everybody write.
const noModes = runtime.GOOS == "windows"

const whyNoModes = "cannot be preserve on Windows, whose files have no modes: name the mode"
