package polardb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

const mib = 16 << 20

// walFiles are files of an archive, a minute after each other.
func walFiles(names ...string) []walFile {
	var all []walFile
	for i, name := range names {
		all = append(all, walFile{Name: name, Size: mib, Mtime: time.Date(2026, 11, 28, 13, i, 0, 0, time.UTC).Unix()})
	}
	return all
}

// wal names the files from one number to another on a timeline.
func wal(timeline, from, to int) (names []string) {
	for n := from; n <= to; n++ {
		names = append(names, fmt.Sprintf("%08X%08X%08X", timeline, 0, n))
	}
	return names
}

func TestChain(t *testing.T) {
	two := timelineHistory{ID: "00000002", Text: "1 0/1730000 no recovery target specified;"}
	three := timelineHistory{ID: "00000003", Text: two.Text + "2 0/6000130 no recovery target specified;"}
	four := timelineHistory{ID: "00000004", Text: three.Text + "3 0/8000118 before 2026-11-28;"}
	early := timelineHistory{ID: "00000005", Text: three.Text + "3 0/50051A8 before 2026-11-28;"}
	for name, c := range map[string]struct {
		files     []string
		histories []timelineHistory
		timeline  int64
		size      int64
		want      string // timeline, end and gap, or why not
	}{
		"one timeline":                     {files: wal(2, 4, 7), histories: []timelineHistory{two}, want: "2 0/8000000 "},
		"over a change of leader":          {files: append(wal(2, 4, 6), wal(3, 6, 9)...), histories: []timelineHistory{two, three}, want: "3 0/A000000 "},
		"the old one's last was cut":       {files: append(wal(2, 4, 5), wal(3, 6, 9)...), histories: []timelineHistory{two, three}, want: "3 0/A000000 "},
		"the new one's begins with a gap":  {files: append(wal(2, 4, 5), wal(3, 7, 9)...), histories: []timelineHistory{three}, want: "3 0/6000000 000000030000000000000006"},
		"what a former leader wrote alone": {files: append(wal(2, 4, 9), wal(3, 6, 6)...), histories: []timelineHistory{two, three}, want: "3 0/7000000 "},
		"a gap":                            {files: append(wal(2, 4, 6), wal(2, 8, 9)...), histories: []timelineHistory{two}, want: "2 0/7000000 000000020000000000000007"},
		"the older branch":                 {files: append(append(wal(2, 4, 6), wal(3, 6, 9)...), wal(4, 8, 8)...), histories: []timelineHistory{two, three, four}, timeline: 3, want: "3 0/A000000 "},
		"the newest branch":                {files: append(append(wal(2, 4, 6), wal(3, 6, 9)...), wal(4, 8, 8)...), histories: []timelineHistory{two, three, four}, want: "4 0/9000000 "},
		"left before its parent began":     {files: append(wal(2, 4, 6), append(wal(3, 6, 9), wal(5, 5, 7)...)...), histories: []timelineHistory{two, three, early}, want: "5 0/8000000 "},
		"its parent's file is no help":     {files: append(wal(2, 4, 6), append(wal(3, 6, 9), wal(5, 5, 5)...)...), histories: []timelineHistory{two, three, early}, want: "5 0/6000000 "},
		"nothing":                          {want: "no 00000002.history"},
		"no files":                         {histories: []timelineHistory{two}, want: "none of the log"},
		"the first is missing":             {files: wal(2, 5, 7), histories: []timelineHistory{two}, want: "lacks 000000020000000000000004"},
		"one of the backup's is missing":   {files: append(wal(2, 4, 4), wal(2, 6, 7)...), histories: []timelineHistory{two}, want: "lacks 000000020000000000000005"},
		"no history":                       {files: wal(2, 4, 7), histories: []timelineHistory{two}, timeline: 3, want: "no 00000003.history"},
		"of another branch":                {files: wal(2, 4, 7), histories: []timelineHistory{two, {ID: "00000003", Text: "1 0/1730000 x;"}}, want: "the timeline 3 does not come from the backup"},
		"left before the backup":           {files: wal(2, 4, 7), histories: []timelineHistory{two, {ID: "00000003", Text: "1 0/1730000 x;2 0/4000000 x;"}}, want: "does not come from the backup"},
		"a history that is none":           {files: wal(2, 4, 7), histories: []timelineHistory{{ID: "00000002", Text: "rubbish;"}}, want: "cannot be read"},
		"cut files":                        {files: wal(2, 4, 7), histories: []timelineHistory{two}, size: 5000, want: "which no file of the log is"},
	} {
		files := walFiles(c.files...)
		for i := range files {
			if c.size > 0 {
				files[i].Size = c.size
			}
		}
		d := &backupDescription{Timeline: 2, StartLSN: "0/4000060", EndLSN: "0/50048C8"}
		if c.timeline == 0 {
			c.timeline = d.Timeline
			for _, h := range c.histories {
				c.timeline = max(c.timeline, h.number())
			}
		}
		chain, problem := chainOf(d, files, c.histories, c.timeline)
		got := problem
		if problem == "" {
			got = fmt.Sprintf("%d %s %s", chain.timeline, lsnText(chain.end), chain.gap)
		}
		if problem == "" && got != c.want || problem != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := segmentName(3, 0x1FF, 16<<20); got != "0000000300000001000000FF" {
		t.Errorf("the segment 0x1FF is %s", got)
	}
	if got := firstSegment("2/40"); got != "0000000200000000" {
		t.Errorf("files are looked at from %s", got)
	}
}

func TestReplayPoints(t *testing.T) {
	for given, want := range map[[2]string]string{
		{"2026-11-26 03:00:00+08", ""}:        "recovery_target_time = '2026-11-25 19:00:00+00'",
		{"2026-11-26T03:00:00.25+05:30", ""}:  "recovery_target_time = '2026-11-25 21:30:00.25+00'",
		{"2026-11-26 03:00:00 +0800", ""}:     "recovery_target_time = '2026-11-25 19:00:00+00'",
		{"2026-11-26 03:00Z", ""}:             "recovery_target_time = '2026-11-26 03:00:00+00'",
		{"2026-11-26 03:00:00 UTC", ""}:       "recovery_target_time = '2026-11-26 03:00:00+00'",
		{"2026-11-26 03:00:00", ""}:           "refuse time",
		{"2026-11-26 03:00:00 CST", ""}:       "refuse time",
		{"yesterday", ""}:                     "refuse time",
		{"2026-11-26 03:00:00' or '1+08", ""}: "refuse time",
		{"end", ""}:                           "",
		{"", "0/5011C28"}:                     "recovery_target_lsn = '0/5011C28'",
		{"", "5011C28"}:                       "refuse lsn",
		{"", "0/5011C28'"}:                    "refuse lsn",
		{"end", "0/1"}:                        "refuse lsn",
		{"", ""}:                              "recovery_target = 'immediate'",
	} {
		target, arg, problem := (&replayArgs{Time: given[0], LSN: given[1]}).aim()
		got := target.line
		if problem != "" {
			got = "refuse " + arg
		}
		if got != want {
			t.Errorf("%q: %q (%s), want %q", given, got, problem, want)
		}
	}
}

// TestBranches chooses the timeline to follow: a backup of timeline 2, a change of leader at 13:10 (3), a restore at 14:00 to 13:20 on 3
// (4, whose history was not archived), with which the cluster began anew (5), and at 15:00 one to 13:05 on 2 (6 and 7).
func TestBranches(t *testing.T) {
	at := func(hour, minute int) int64 { return time.Date(2026, 11, 28, hour, minute, 0, 0, time.UTC).Unix() }
	two := timelineHistory{ID: "00000002", Made: at(12, 0), Text: "1 0/1730000 no recovery target specified;"}
	three := timelineHistory{ID: "00000003", Made: at(13, 10), Text: two.Text + "2 0/6000130 no recovery target specified;"}
	five := timelineHistory{ID: "00000005", Made: at(14, 0), Text: three.Text +
		"3 0/7000200 before 2026-11-28 13:20:07+00;;4 0/7000300 no recovery target specified;"}
	seven := timelineHistory{ID: "00000007", Made: at(15, 0), Text: three.Text +
		"3 0/6000050 before 2026-11-28 13:05:07+00;;6 0/60000F8 no recovery target specified;"}
	file := func(minute int, names ...string) (all []walFile) {
		for _, n := range names {
			all = append(all, walFile{n, mib, at(13, minute)})
		}
		return all
	}
	first := append(file(5, wal(2, 4, 5)...), file(30, wal(3, 6, 9)...)...)
	fifth := append(slices.Clone(first), walFile{wal(5, 7, 7)[0], mib, at(14, 30)})
	seventh := append(slices.Clone(fifth), walFile{wal(7, 6, 6)[0], mib, at(15, 30)})
	all := []timelineHistory{two, three, five, seven}
	for name, c := range map[string]struct {
		files     []walFile
		histories []timelineHistory
		point     string
		want      string
	}{
		"before the change of leader":         {first, all[:2], "2026-11-28 13:04:00Z", "3"},
		"behind it":                           {first, all[:2], "2026-11-28 13:12:00Z", "3"},
		"nothing archived since the restore":  {first, all[:3], "2026-11-28 13:04:00Z", "3"},
		"what the restore left out":           {fifth, all[:3], "2026-11-28 13:25:00Z", "3"},
		"before what it left out":             {fifth, all[:3], "2026-11-28 13:15:00Z", "3"},
		"since the restore":                   {fifth, all[:3], "2026-11-28 14:20:00Z", "5"},
		"since the restore, and not archived": {first, all[:3], "2026-11-28 14:20:00Z", "lacks|ends before|its last file is from 2026-11-28T13:30:00Z"},
		"before two restores":                 {seventh, all, "2026-11-28 13:04:00Z", "3"},
		"what the second left out":            {seventh, all, "2026-11-28 14:20:00Z", "5"},
		"since the second":                    {seventh, all, "2026-11-28 15:10:00Z", "7"},
		"since the second, and not archived":  {fifth, all, "2026-11-28 15:10:00Z", "its last file is from"},
		"a position on all":                   {seventh, all, "0/5F00000", "7"},
		"a position that the newest has not":  {fifth, all, "0/6000040", "3"},
		"a position behind where it left":     {fifth, all, "0/6000090", "the archive's log ends at"},
		"the end":                             {seventh, all, "end", "7"},
		"the end, and nothing since":          {fifth, all, "end", "7"},
		"timelines without number":            {fifth, append(slices.Clone(all), timelineHistory{ID: "7FFFFFFF"}), "end", "which cannot be"},
		"the newest does not come from the backup": {first, append(slices.Clone(all[:2]), timelineHistory{ID: "00000004", Made: at(14, 0), Text: two.Text + "2 0/4000010 before x;"}),
			"2026-11-28 13:12:00Z", "3"},
		"and the point is on it": {first, append(slices.Clone(all[:2]), timelineHistory{ID: "00000004", Made: at(14, 0), Text: two.Text + "2 0/4000010 before x;"}),
			"2026-11-28 14:12:00Z", "the timeline 4 does not come from the backup"},
	} {
		a := &replayArgs{NodeArgs: planArgs, Archive: "/wal", Time: c.point}
		if strings.HasPrefix(c.point, "0/") {
			a.Time, a.LSN = "", c.point
		}
		a.target, _, _ = a.aim()
		found := replayFound{There: true, Files: c.files, Histories: c.histories,
			backup: &backupDescription{Timeline: 2, StartLSN: "0/4000060", EndLSN: "0/50048C8", Ended: time.Unix(at(13, 1), 0)}}
		timeline, problem := a.judge(found)
		if got := fmt.Sprint(timeline); problem == "" && got != c.want || problem != "" &&
			!slices.ContainsFunc(strings.Split(c.want, "|"), func(w string) bool { return strings.Contains(problem, w) }) {
			t.Errorf("%s: %d %s, want %s", name, timeline, problem, c.want)
		}
	}
}

// TestFilesAreFetched runs the restore_command as the engine does. Numbers of timelines that have come up are not free.
func TestFilesAreFetched(t *testing.T) {
	archive := t.TempDir()
	for _, name := range []string{"00000003.history", "0000000C.history", "000000030000000000000005"} {
		if err := os.WriteFile(filepath.Join(archive, name), []byte("text of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := restoreCommand(archive, 3, 12)
	if len(restoreCommand(strings.Repeat("x", 250), 10000, 20000)) > 900 {
		t.Error("the engine takes 1023 bytes, with the names")
	}
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		for name, want := range map[string]string{"00000003.history": "text of 00000003.history",
			"000000030000000000000005": "text of 000000030000000000000005",
			"00000002.history":         "-", "00000004.history": "", "0000000A.history": "", "0000000C.history": "text of 0000000C.history", "0000000D.history": "-",
			"000000030000000000000006": "-"} {
			to := filepath.Join(t.TempDir(), "RECOVERY")
			text := strings.NewReplacer("%%", "%", "%f", name, "%p", to).Replace(command)
			err := exec.Command(shell[0], append(shell[1:], "-c", text)...).Run()
			got, missing := os.ReadFile(to)
			if (err == nil) != (want != "-") || (missing == nil) != (want != "-") || want != "-" && string(got) != want {
				t.Errorf("%v: %s: %v, %q, %v", shell, name, err, got, missing)
			}
		}
	}
}

func TestReplayPlan(t *testing.T) {
	restored := strings.ReplaceAll(wholeInit, "initdb", "restore") + "\nrestoring=/b/a"
	started := strings.ReplaceAll(restored, "step=data", "step=meta")
	history := []timelineHistory{{ID: "00000002", Text: "1 0/1730000 x;"}}
	for name, c := range map[string]struct {
		lines     string
		time, lsn string
		check     bool
		change    func(*replayFound)
		want      string
	}{
		"beforehand, on a bare host":  {lines: bareNode + "\n" + engineThere, time: "2026-11-28 13:02:30Z", check: true, want: "replay the log of /wal/demo on the timeline 2 up to 2026-11-28 13:02:30+00"},
		"no engine yet":               {lines: bareNode, time: "2026-11-28 13:02:30Z", check: true, want: "unknown: not installed"},
		"over data that is to go":     {lines: wholeInit, lsn: "0/6000000", check: true, want: "up to LSN 0/6000000"},
		"restored":                    {lines: restored, time: "2026-11-28 13:02:30Z", want: "replay the log"},
		"restored, the end":           {lines: restored, time: "end", want: "up to the end of the log"},
		"nothing restored":            {lines: bareNode + "\n" + engineThere, time: "end", want: "refuse: has no data that was restored"},
		"killed in it":                {lines: restored, time: "end", change: func(f *replayFound) { f.Noted = "the end of the log" }, want: "replay the log"},
		"killed in another":           {lines: restored, time: "end", change: func(f *replayFound) { f.Noted = "LSN 0/6000000" }, want: "refuse: a restore to LSN 0/6000000 was begun"},
		"replayed":                    {lines: restored, time: "end", change: func(f *replayFound) { f.Noted, f.Replayed = "the end of the log", true }, want: ""},
		"started since":               {lines: started, time: "end", want: ""},
		"before the backup's end":     {lines: restored, time: "2026-11-28 12:00:00Z", want: "refuse: choose an older backup"},
		"a position before it":        {lines: restored, lsn: "0/5000000", want: "refuse: choose an older backup"},
		"beyond the log":              {lines: restored, time: "2026-11-28 14:00:00Z", want: "refuse: its last file is from 2026-11-28T13:03:00Z (LSN 0/8000000). All that there is: -e time=end"},
		"a position beyond it":        {lines: restored, lsn: "0/8000000", want: "refuse: the archive's log ends at LSN 0/8000000"},
		"behind a gap":                {lines: restored, lsn: "0/7000000", change: func(f *replayFound) { f.Files = append(f.Files[:2:2], f.Files[3]) }, want: "refuse: because 000000020000000000000006 is missing"},
		"before a gap":                {lines: restored, lsn: "0/5FFFFFF", change: func(f *replayFound) { f.Files = append(f.Files[:2:2], f.Files[3]) }, want: "replay the log"},
		"the end, with a gap":         {lines: restored, time: "end", change: func(f *replayFound) { f.Files = append(f.Files[:2:2], f.Files[3]) }, want: "refuse: name the time"},
		"no archive":                  {lines: restored, time: "end", change: func(f *replayFound) { f.There = false }, want: "refuse: no directory /wal/demo"},
		"an unfinished backup":        {lines: restored, time: "end", change: func(f *replayFound) { f.unfit = "it is unfinished" }, want: "refuse: it is unfinished"},
		"no point":                    {lines: restored, want: "up to the backup's end"},
		"no point, an empty archive":  {lines: restored, change: func(f *replayFound) { f.Files, f.Histories = nil, nil }, want: ""},
		"no point, a missing archive": {lines: restored, change: func(f *replayFound) { f.There, f.Files, f.Histories = false, nil, nil }, want: ""},
	} {
		a := &replayArgs{NodeArgs: planArgs, From: "/b/a", Archive: "/wal", Time: c.time, LSN: c.lsn}
		var problem string
		if a.target, _, problem = a.aim(); problem != "" {
			t.Fatal(name, problem)
		}
		s, err := ParseNode(probeText(c.lines))
		if err != nil {
			t.Fatal(err)
		}
		k := wholeBackup("a", nil)
		found := replayFound{state: s, There: true, Files: walFiles(wal(2, 4, 7)...), Histories: history}
		found.backup, _ = k.described()
		found.backup.Timeline, found.backup.StartLSN, found.backup.EndLSN = 2, "0/4000060", "0/50048C8"
		if c.change != nil {
			c.change(&found)
		}
		p, _, err := (&replayAction{args: a, check: c.check}).Plan(found)
		checkPlan(t, name, c.want, p, err)
	}
}

// TestArchiveIsRead runs the script that lists an archive, and takes its words.
func TestArchiveIsRead(t *testing.T) {
	archive := t.TempDir()
	for name, size := range map[string]int{"000000020000000000000004": 4096, "000000020000000100000000": 8192,
		"00000002000000000000000A.partial": 1,
		".000000020000000000000005.7":      1, "0000000B0000000000000005.partial": 1, "notes": 1, "00000002.history": 0} {
		if err := os.WriteFile(filepath.Join(archive, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(archive+"/00000003.history", []byte("1\t0/1730000\tx\n\n2\t0/6000130\tafter LSN 0/1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &replayArgs{NodeArgs: planArgs}
	a.User, a.state = "nobody-of-that-name", t.TempDir()
	if err := os.MkdirAll(filepath.Dir(a.marker()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(strings.TrimSuffix(a.marker(), ".node")+".replay", []byte("target=LSN 0/5\nstate=done\nreached=2026\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		look := func(first string) (found replayFound) {
			text := a.script("polardb_replay_look", script.Values{"ARCHIVE": archive, "FIRST": first})
			out, err := exec.Command(shell[0], append(shell[1:], "-c", text)...).Output()
			if err == nil {
				err = script.Decode(out, &found)
			}
			if err != nil {
				t.Fatalf("%v: %v, %s", shell, err, out)
			}
			return found
		}
		all := look("0000000000000000")
		if len(all.Files) != 2 || len(all.Histories) != 2 || !all.There || all.Noted != "LSN 0/5" || !all.Replayed || all.Reached != "2026" ||
			all.Newest != "0000000B" ||
			all.Histories[1].Made == 0 {
			t.Errorf("%v: %+v", shell, all)
		}
		some := look("0000000100000000")
		if len(some.Files) != 1 || some.Files[0].Name != "000000020000000100000000" || some.Files[0].Size != 8192 || some.Files[0].Mtime == 0 {
			t.Errorf("%v: %+v", shell, some)
		}
		way, problem := wayTo(3, all.Histories)
		if got := fmt.Sprint(way); problem != "" || got != "[{1 0 false} {2 24313856 true} {3 100663600 true}]" {
			t.Errorf("%v: %s %s", shell, got, problem)
		}
		if os.Getuid() == 0 { // As root is where a file server squashes it: what is not for everybody is not for root.
			err := errors.Join(os.Chmod(filepath.Dir(archive), 0o711), os.Chown(archive, taskstest.Nobody, 0), os.Chmod(archive, 0o700))
			if err != nil {
				t.Fatal(err)
			}
			shell = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}, shell...)
			if squashed := look("0000000000000000"); len(squashed.Files) != 2 || !squashed.There {
				t.Errorf("%v: %+v", shell, squashed)
			}
		}
	}
}
