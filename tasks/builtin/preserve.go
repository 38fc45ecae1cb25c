package builtin

import "runtime"

// onWindows is of the control node.
const onWindows = runtime.GOOS == "windows"

// noModes means that files of this machine have no mode that could be kept: the one that Go makes up would let everybody write.
const noModes = onWindows

const whyNoModes = "cannot be preserve on Windows, whose files have no modes: name the mode"
