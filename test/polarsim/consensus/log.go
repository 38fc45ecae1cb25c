package consensus

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Entry is one record of the consensus log.
type Entry struct {
	Term   int64
	Index  int64
	LSN    uint64          // where this record ends in the write-ahead log
	Change *Change         `json:",omitempty"` // a membership change
	Data   json.RawMessage `json:",omitempty"` // a statement; opaque here
}

// Change is a membership change. Members and Learners are the leader's lists after it, for a learner that
// becomes a voter and has none of its own.
type Change struct {
	Operation string // "add learner", "promote", "drop follower", "drop learner", "demote", "weight"
	Address   string
	Weight    int
	Members   []Member
	Learners  []string
}

const firstLSN = 0x1700000

// Log is the persisted log. Entries are appended to one file as lines and survive the death of the process;
// a torn last line (a copy taken while it was written) is dropped.
type Log struct {
	mu      sync.Mutex
	path    string
	file    *os.File
	entries []Entry // entries[i] has index i+1
	bytes   int64
}

// OpenLog opens or creates dir/consensus_log/00000000.
func OpenLog(dir string) (*Log, error) {
	if err := os.MkdirAll(filepath.Join(dir, "consensus_log"), 0o700); err != nil {
		return nil, err
	}
	l := &Log{path: filepath.Join(dir, "consensus_log", "00000000")}
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l.file = file
	reader := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", l.path, err)
		}
		var e Entry
		if json.Unmarshal(line, &e) != nil || e.Index != int64(len(l.entries))+1 {
			break
		}
		l.entries = append(l.entries, e)
		l.bytes += int64(len(line))
	}
	if err := file.Truncate(l.bytes); err != nil {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekEnd)
	return l, err
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Last returns index, term and LSN of the last entry; zeros when empty.
func (l *Log) Last() (index, term int64, lsn uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastLocked()
}

func (l *Log) lastLocked() (index, term int64, lsn uint64) {
	if len(l.entries) == 0 {
		return 0, 0, firstLSN
	}
	e := l.entries[len(l.entries)-1]
	return e.Index, e.Term, e.LSN
}

// Size returns the log's size in bytes.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// Term returns the term of an entry, 0 for index 0, -1 when there is none.
func (l *Log) Term(index int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index == 0 {
		return 0
	}
	if index < 0 || index > int64(len(l.entries)) {
		return -1
	}
	return l.entries[index-1].Term
}

// Entry returns one entry.
func (l *Log) Entry(index int64) (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < 1 || index > int64(len(l.entries)) {
		return Entry{}, false
	}
	return l.entries[index-1], true
}

// From returns up to limit entries starting at index.
func (l *Log) From(index int64, limit int) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < 1 || index > int64(len(l.entries)) {
		return nil
	}
	end := min(int64(len(l.entries)), index-1+int64(limit))
	return append([]Entry(nil), l.entries[index-1:end]...)
}

// Append writes a new entry at the end and returns it with index and LSN filled in.
func (l *Log) Append(e Entry) (Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index, _, lsn := l.lastLocked()
	e.Index = index + 1
	// Records are aligned to 8 bytes and have a header, as in the real thing.
	e.LSN = lsn + (uint64(len(e.Data))+64+7)&^7
	return e, l.writeLocked(e)
}

// Store writes entries received from a leader, cutting off whatever contradicts them.
func (l *Log) Store(entries []Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		if e.Index <= int64(len(l.entries)) {
			if l.entries[e.Index-1].Term == e.Term {
				continue
			}
			if err := l.truncateLocked(e.Index - 1); err != nil {
				return err
			}
		}
		if e.Index != int64(len(l.entries))+1 {
			return fmt.Errorf("consensus log: entry %d does not follow %d", e.Index, len(l.entries))
		}
		if err := l.writeLocked(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) writeLocked(e Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if _, err := l.file.Write(b); err != nil {
		return fmt.Errorf("writing %s: %w", l.path, err)
	}
	l.entries = append(l.entries, e)
	l.bytes += int64(len(b))
	return nil
}

func (l *Log) truncateLocked(keep int64) error {
	l.entries = l.entries[:keep]
	l.bytes = 0
	for _, e := range l.entries {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		l.bytes += int64(len(b)) + 1
	}
	if err := l.file.Truncate(l.bytes); err != nil {
		return err
	}
	_, err := l.file.Seek(0, io.SeekEnd)
	return err
}
