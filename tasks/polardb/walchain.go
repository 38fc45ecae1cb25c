package polardb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// walFile is a finished file (segment) of the write-ahead log in an archive.
type walFile struct {
	Name  string `answer:"file"`
	Size  int64  `answer:"size"`
	Mtime int64  `answer:"mtime"` // when it was written there
}

// timelineHistory is a timeline's .history file: a line for each timeline that it descends from, with the position where it left it.
type timelineHistory struct {
	ID   string `answer:"history"`
	Made int64  `answer:"made"` // when it was written there
	Text string `answer:"text"` // lines end in ;
}

func (h timelineHistory) number() int64 {
	n, err := strconv.ParseInt(h.ID, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// walChain is what an archive has of the log behind a backup, without a gap.
type walChain struct {
	timeline int64
	newest   time.Time // when its last file was written
	end      uint64    // the position behind its last file
	gap      string    // the file that is missing, where there are others behind it; "": there is none
}

// reach is the part of the log that is on one timeline: from a position on, up to the next part's. A timeline that left its parent
// before that had begun has the log from there on: then the parent's part is empty.
type reach struct {
	timeline int64
	from     uint64
	back     bool // its parent was left where a restore had ended, and may go on behind that
}

// notBack is the reason in a history for leaving a timeline at its end: a change of leader, or a restore that took all of the log.
const notBack = "no recovery target specified"

// chainOf returns what an archive has of the log behind a backup on the way to a timeline, or why nothing can be replayed.
func chainOf(d *backupDescription, files []walFile, histories []timelineHistory, timeline int64) (walChain, string) {
	way, problem := wayTo(timeline, histories)
	if problem == "" {
		problem = wayHas(way, d)
	}
	if problem != "" {
		return walChain{}, problem
	}
	start, _ := lsnNumber(d.StartLSN)
	end, _ := lsnNumber(d.EndLSN)
	there := map[string]walFile{}
	var size uint64
	for _, f := range files {
		there[f.Name] = f
		size = max(size, uint64(f.Size))
	}
	if len(files) == 0 {
		return walChain{}, "the archive has none of the log since the backup began"
	}
	if size < 1<<20 || size&(size-1) != 0 || size > 1<<30 {
		return walChain{}, fmt.Sprintf("the archive's files are of %d bytes, which no file of the log is", size)
	}
	// The file in which a timeline begins has what came before as well. What its parent has of it, and behind it, is another story.
	find := func(n uint64) (f walFile, missing string) {
		for _, r := range slices.Backward(way) {
			if r.from/size <= n {
				name := segmentName(r.timeline, n, size)
				if f := there[name]; uint64(f.Size) == size {
					return f, ""
				}
				return walFile{}, name
			}
		}
		return walFile{}, ""
	}
	chain := walChain{timeline: timeline}
	n, missing := start/size, ""
	for ; ; n++ {
		var f walFile
		if f, missing = find(n); missing != "" {
			break
		}
		chain.end, chain.newest = (n+1)*size, later(chain.newest, time.Unix(f.Mtime, 0))
	}
	here := segmentName(timeline, n, size)
	if n < way[len(way)-1].from/size || slices.ContainsFunc(files, func(f walFile) bool { return f.Name[:8] == here[:8] && f.Name > here }) {
		chain.gap = missing
	}
	if chain.end == 0 || chain.end < end {
		return walChain{}, fmt.Sprintf("the archive lacks %s, which is from the time of the backup (%s to %s)", missing, d.StartLSN, d.EndLSN)
	}
	return chain, ""
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wayTo returns the parts of the log that lead to a timeline, the oldest first.
func wayTo(timeline int64, histories []timelineHistory) ([]reach, string) {
	id := fmt.Sprintf("%08X", timeline)
	at := slices.IndexFunc(histories, func(h timelineHistory) bool { return h.ID == id })
	if at < 0 {
		if timeline > 1 {
			return nil, fmt.Sprintf("the archive has no %s.history, which says where the timeline %d comes from", id, timeline)
		}
		return []reach{{timeline, 0, false}}, ""
	}
	var way []reach
	from, back := uint64(0), false
	for line := range strings.SplitSeq(histories[at].Text, ";") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		parent, err := strconv.ParseInt(f[0], 10, 64)
		var end uint64
		if err == nil && len(f) > 1 {
			end, err = lsnNumber(f[1])
		}
		if err != nil || len(f) < 2 {
			return nil, fmt.Sprintf("the archive's %s.history cannot be read: %q", id, line)
		}
		way = append(way, reach{parent, from, back})
		from, back = end, strings.Join(f[2:], " ") != notBack
	}
	return append(way, reach{timeline, from, back}), ""
}

// wayHas returns why a backup is not on the way to a timeline; "": it is.
func wayHas(way []reach, d *backupDescription) string {
	to := way[len(way)-1].timeline
	i := slices.IndexFunc(way, func(r reach) bool { return r.timeline == d.Timeline })
	end, _ := lsnNumber(d.EndLSN)
	if i < 0 || slices.ContainsFunc(way[i+1:], func(r reach) bool { return r.from < end }) {
		return fmt.Sprintf("the timeline %d does not come from the backup, which is of the timeline %d up to %s: choose another backup, "+
			"or the log's other branch with -e timeline=NUMBER", to, d.Timeline, d.EndLSN)
	}
	return ""
}

// segmentName returns the name of the file that has the segment with a number on a timeline.
func segmentName(timeline int64, n, size uint64) string {
	each := uint64(1<<32) / size
	return fmt.Sprintf("%08X%08X%08X", timeline, n/each, n%each)
}

// lsnNumber reads a position in the log: 0/5011C28.
func lsnNumber(text string) (uint64, error) {
	high, low, _ := strings.Cut(text, "/")
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("read the position %q in the log: %w", text, err)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("read the position %q in the log: %w", text, err)
	}
	return h<<32 | l, nil
}

func lsnText(n uint64) string { return fmt.Sprintf("%X/%X", n>>32, uint32(n)) }
