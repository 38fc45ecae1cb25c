package remote

import (
	"bytes"
	"strconv"
	"strings"
)

// maxLine bounds a line, in bytes: a longer one is cut.
const maxLine = 1 << 20

// lineSplitter passes a stream on line by line up to an end marker, which may come
// anywhere in a line, and keeps what follows that. Without a callback it collects.
type lineSplitter struct {
	end       []byte
	skipTo    string // first drop everything up to and with this
	call      func(line []byte)
	held      []byte // not looked through yet: may be the beginning of a marker
	line      []byte // the line that has not ended
	afterCR   bool   // a newline now belongs to the carriage return before
	done      bool   // the marker was found
	rest      []byte // what came after it
	collected []byte
	keep      int64 // how much is collected
	cut       int64 // how much more there was
}

func newLineSplitter(end string, call func([]byte)) *lineSplitter {
	return &lineSplitter{end: []byte(end), call: call}
}

// write takes the next piece and reports whether the marker was found.
func (l *lineSplitter) write(piece []byte) bool {
	if l.done {
		if !l.haveRest() {
			l.rest = append(l.rest, piece...)
		}
		return true
	}
	l.held = append(l.held, piece...)
	if l.skipTo != "" {
		i := bytes.Index(l.held, []byte(l.skipTo))
		if i < 0 {
			l.held = append(l.held[:0], l.held[max(0, len(l.held)-len(l.skipTo)):]...)
			return false
		}
		l.held = l.held[i+len(l.skipTo):]
		l.skipTo = ""
	}
	if i := bytes.Index(l.held, l.end); i >= 0 {
		l.rest = append([]byte(nil), l.held[i+len(l.end):]...)
		l.pass(l.held[:i])
		l.held, l.done = nil, true
		l.flush()
		return true
	}
	safe := len(l.held) - l.begun()
	l.pass(l.held[:safe])
	l.held = append([]byte(nil), l.held[safe:]...)
	return false
}

// begun returns how many bytes at the end of what is held may be the beginning of the
// marker.
func (l *lineSplitter) begun() int {
	n := min(len(l.held), len(l.end)-1)
	for n > 0 && !bytes.HasSuffix(l.held, l.end[:n]) {
		n--
	}
	return n
}

// flush passes on what is left at the end of the stream.
func (l *lineSplitter) flush() {
	if !l.done && l.skipTo == "" {
		l.pass(l.held)
	}
	l.held = nil
	if len(l.line) > 0 {
		l.call(l.line)
		l.line = nil
	}
}

func (l *lineSplitter) pass(b []byte) {
	if l.call == nil {
		l.collected, l.cut = keepUpTo(l.collected, b, l.keep, l.cut)
		return
	}
	for len(b) > 0 {
		if l.afterCR {
			l.afterCR = false
			if b[0] == '\n' {
				b = b[1:]
				continue
			}
		}
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			l.line = append(l.line, b...)
			for len(l.line) > maxLine {
				l.call(bytes.Clone(l.line[:maxLine]))
				l.line = bytes.Clone(l.line[maxLine:])
			}
			return
		}
		l.afterCR = b[i] == '\r'
		l.call(append(l.line, b[:i]...))
		l.line = nil
		b = b[i+1:]
	}
}

// haveRest reports whether the rest of the marker's line is there.
func (l *lineSplitter) haveRest() bool {
	return len(l.rest) > frameLine || bytes.IndexByte(l.rest, '\n') >= 0
}

// trailer reads the rest of the marker's line: a kind and a status.
func (l *lineSplitter) trailer() (kind string, status int) {
	line, _, _ := strings.Cut(string(l.rest), "\n")
	kind, number, _ := strings.Cut(line, " ")
	status, err := strconv.Atoi(number)
	if err != nil {
		return frameBroken, -1
	}
	return kind, status
}
