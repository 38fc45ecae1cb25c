package remote

import (
	"context"
	"fmt"
	"time"
)

// stopPatience bounds how long stopping a command may take before its shell is
// given up: three seconds between SIGTERM and SIGKILL, a moment for that to take
// effect, and the way there.
const stopPatience = 20 * time.Second

// stopFunction defines polarbook_stop PID SPARE.
var stopFunction = scriptText("stop")

// stopBelow ends what runs below the process pid of ours, through a session of its
// own as the same user, since that user may signal what is there.
func (h *Host) stopBelow(b Become, pid int) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	s, err := h.openShell(ctx, b)
	if err != nil {
		return err
	}
	defer s.close()
	marker := "polarbook-" + randomHex()
	h.roundTrips.Add(1)
	text := fmt.Sprintf("%s{\n%spolarbook_stop %d 0\nprintf '%s\\n'\nexit\n}\n", surroundings, stopFunction, pid, marker)
	if err := s.write(ctx, []byte(text)); err != nil {
		return err
	}
	for {
		select {
		case _, more := <-s.out: // the marker, or the end
			if !more {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-h.done:
			return h.Err()
		}
	}
}
