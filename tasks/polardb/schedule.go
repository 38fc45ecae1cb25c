package polardb

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// schedule is how a host gets on with the backups that it takes by itself.
type schedule struct {
	On     bool // it has a timer for them
	Active bool // which runs
	Since  time.Time
	Now    time.Time     // by the host's clock
	Late   time.Duration // the age from which the last backup of the cluster is too old; 0: never
	Last   scheduledBackup
}

// scheduledBackup is what the last run on a host came to.
type scheduledBackup struct {
	When   time.Time // when it began; zero: there was none yet
	Result string    // ok, failed, or elsewhere: another member takes it
	Name   string
	Said   string
}

// readSchedule takes the words of the script polardb_schedule: since, late hours, whether the timer runs, now, and of the last run when,
// result, name and what it said.
func readSchedule(f []string) schedule {
	number := func(text string) int64 { n, _ := strconv.ParseInt(text, 10, 64); return n }
	s := schedule{On: true, Active: f[2] == "active", Since: time.Unix(number(f[0]), 0), Now: time.Unix(number(f[3]), 0),
		Late: time.Duration(number(f[1])) * time.Hour}
	if when := number(f[4]); when > 0 {
		s.Last = scheduledBackup{time.Unix(when, 0), f[5], f[6], f[7]}
	}
	return s
}

// scheduleDoubts returns what a DBA should know of the backups that the hosts of a cluster take by themselves, and what is wrong with them.
func scheduleDoubts(list []WantedNode, of map[string]schedule) (remarks, faults []string) {
	var newest, since, now time.Time
	var late time.Duration
	for _, n := range list {
		s := of[n.Name]
		if !s.On {
			continue
		}
		if s.Last.Result == "ok" {
			newest = later(newest, s.Last.When)
		}
		if since.IsZero() || s.Since.Before(since) {
			since = s.Since
		}
		now, late = later(now, s.Now), max(late, s.Late)
	}
	if since.IsZero() {
		return nil, nil
	}
	for _, n := range list {
		switch s, seen := of[n.Name]; {
		case !seen || n.Role == roleLogger:
		case !s.On:
			remarks = append(remarks, n.Name+": has no timer for backups, which other members have: polarbook run schedule-backups.yml")
		case !s.Active:
			faults = append(faults, n.Name+": its timer for backups does not run: polarbook run schedule-backups.yml")
		case s.Last.Result == "failed" && s.Last.When.After(newest):
			faults = append(faults, fmt.Sprintf("%s: the scheduled backup of %s failed: %s", n.Name, s.Last.When.UTC().Format(time.RFC3339),
				strings.TrimSpace(s.Last.Said)))
		}
	}
	if late > 0 && now.Sub(later(newest, since)) > late {
		last := "there is none yet"
		if !newest.IsZero() {
			last = "the last is of " + newest.UTC().Format(time.RFC3339)
		}
		faults = append(faults, fmt.Sprintf("no scheduled backup was taken for %d hours (polardb_backup_late_hours): %s",
			int(late.Hours()), last))
	}
	return remarks, faults
}
