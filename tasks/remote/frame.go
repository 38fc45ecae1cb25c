package remote

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The answer of a Run is
//
//	<stdout> polarbook-<marker>-out NEWLINE
//	<stderr> polarbook-<marker>-end <kind> <status> [<bytes of stdout dropped> <of stderr>] NEWLINE
//
// The marker is random for each Run and is in the shell's input only, after the
// script, in no variable, file or argv: output cannot have it. Output goes through
// files, so that the frame ends with the script and not with the last process that
// keeps the output open, and what such a process writes later gets into no frame.

const (
	frameOK     = "ok"
	frameNoDir  = "nodir"  // Command.Dir is not there; the script did not run
	frameFull   = "full"   // the directory for output is full
	frameBroken = "broken" // output could not be kept or read
)

// errEOF is returned by x/crypto/ssh for writing to a channel that the host has
// closed. Why it did is then learnt by reading.
var errEOF = io.EOF

// surroundings is read by every sh before anything else.
var surroundings = scriptText("surroundings")

// setupRequest makes a fresh sh fit for Runs and has it say who it is and where it keeps output. What a shell that was killed
// left behind goes too.
func setupRequest(marker, leftBehind string) string {
	return surroundings + assign("__polarbook_m", marker, "__polarbook_old", leftBehind) + scriptText("setup")
}

// readWhole is from what length on a request is worth a process to bash.
const readWhole = 2 << 10

// inOnePiece wraps a request for bash, which reads its input byte by byte lest it
// take what a child is to read: 50 KB of script then cost a third of a second. head
// takes exactly its share. The other shells read ahead, so that for them the share
// would be gone already.
func inOnePiece(request []byte) []byte {
	if len(request) < readWhole {
		return request
	}
	return append(fmt.Appendf(nil, "eval \"$(head -c %d)\"\n", len(request)), request...)
}

// removeEvery is after how many Runs the files of their output, emptied by then,
// are removed: rm is a process, and most Runs are shorter than that.
const removeEvery = 16

// keeper keeps the beginning of what is written to a pipe, counts the rest and drops it; drained waits until it has all.
var keeper, drained = scriptText("keeper"), scriptText("drained")

// runRequest returns what the shell reads for one Run.
func runRequest(c Command, marker, dir string, run int) []byte {
	d := Quote(dir)
	out := Quote(fmt.Sprintf("%s/o%d", dir, run))
	errs := Quote(fmt.Sprintf("%s/e%d", dir, run))
	in := Quote(fmt.Sprintf("%s/i%d", dir, run))
	toOut, toErrs := out, errs
	var b bytes.Buffer
	// Somebody may have cleaned up /tmp.
	fmt.Fprintf(&b, "[ -d %s ] || (umask 077; mkdir %s)\n__polarbook_k=ok __polarbook_s=1 __polarbook_w=\n", d, d)
	fmt.Fprintf(&b, "if true >%s && true >%s", out, errs)
	if c.Cut {
		toOut, toErrs = Quote(dir+"/fo"), Quote(dir+"/fe")
		for _, name := range []string{"ho", "he", "co", "ce", "do", "de"} {
			fmt.Fprintf(&b, " && true >%s", Quote(dir+"/"+name))
		}
		fmt.Fprintf(&b, " && { [ -p %[1]s ] && [ -p %[2]s ] || { rm -f %[1]s %[2]s; mkfifo %[1]s %[2]s; }; }", toOut, toErrs)
	}
	if len(c.Stdin) > 0 {
		b.WriteString(" && ")
		writeInput(&b, c.Stdin, in)
	} else {
		in = "/dev/null"
	}
	b.WriteString("; then\n")
	if c.Dir != "" {
		fmt.Fprintf(&b, "if [ -d %s ]; then\n", Quote(c.Dir))
	}
	if c.Cut {
		for _, k := range [][2]string{{"o", out}, {"e", errs}} {
			fmt.Fprintf(&b, "(\nset -- %s %s %s %d\n%s)\n", d, k[0], k[1], (c.keep()+511)/512, keeper)
		}
		b.WriteString("__polarbook_w=1\n")
	}
	b.WriteString("(\n")
	writeScript(&b, c)
	fmt.Fprintf(&b, ") <%s >%s 2>%s\n__polarbook_s=$?\n", in, toOut, toErrs)
	fmt.Fprintf(&b, "{ printf x >%s; } 2>/dev/null || __polarbook_k=full\n", Quote(dir+"/x"))
	if c.Dir != "" {
		b.WriteString("else\n__polarbook_k=nodir\nfi\n")
	}
	// If a file cannot be opened, being full is the likely reason: see.
	fmt.Fprintf(&b, "else\n__polarbook_k=broken\n[ ! -d %s ] || { printf x >%s; } 2>/dev/null || __polarbook_k=full\nfi\n", d, Quote(dir+"/x"))
	cut := ""
	if c.Cut { // the answer is the shell's own word: a child may be stopped with the script
		b.WriteString("[ -z \"$__polarbook_w\" ] || __polarbook_w=$(\nset -- " + d + "\n" + drained + "printf ' %s' \"$o\" \"$e\"\n)\n")
		cut = "$__polarbook_w"
	}
	fmt.Fprintf(&b, "if [ -s %s ]; then cat %s || __polarbook_k=broken; fi\nprintf 'polarbook-%s-out\\n'\n", out, out, marker)
	fmt.Fprintf(&b, "if [ -s %s ]; then cat %s || __polarbook_k=broken; fi\n"+
		"printf 'polarbook-%s-end %%s %%s\\n' \"$__polarbook_k\" \"$__polarbook_s%s\"\n", errs, errs, marker, cut)
	// After the answer, so that nobody waits for it.
	if run%removeEvery == 0 {
		fmt.Fprintf(&b, "rm -f %s/[oei]*\n", d)
	} else if in != "/dev/null" {
		fmt.Fprintf(&b, "true >%s >%s >%s\n", out, errs, in)
	} else {
		fmt.Fprintf(&b, "true >%s >%s\n", out, errs)
	}
	return b.Bytes()
}

// writeScript writes the inside of the subshell. The eval stands alone: after it
// && or in a condition the script's set -e would have no effect.
func writeScript(b *bytes.Buffer, c Command) {
	if c.Dir != "" {
		fmt.Fprintf(b, "cd -- %s || exit 1\n", Quote(c.Dir))
	}
	b.WriteString("LANG=${__polarbook_l:-C}\n")
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		fmt.Fprintf(b, "export %s=%s\n", name, quoteAlways(c.Env[name]))
	}
	b.WriteString("unset __polarbook_k __polarbook_s __polarbook_l __polarbook_w __polarbook_dir\n")
	fmt.Fprintf(b, "eval %s\n", quoteAlways(c.Script))
}

func quoteAlways(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// writeInput writes a command that leaves the bytes in a file: by a builtin while
// they are plain ASCII, by base64 else, because no shell can hold a NUL and some
// mangle control characters.
func writeInput(b *bytes.Buffer, input []byte, file string) {
	plain := !slices.ContainsFunc(input, func(c byte) bool { return c >= 0x7f || c < ' ' && c != '\n' && c != '\t' })
	if plain {
		fmt.Fprintf(b, "printf %%s %s >%s", quoteAlways(string(input)), file)
		return
	}
	fmt.Fprintf(b, "printf %%s '")
	const line = 57 * 16 // a multiple of 3, so that lines can be decoded one by one
	for rest := input; len(rest) > 0; {
		n := min(line, len(rest))
		b.WriteString(base64.StdEncoding.EncodeToString(rest[:n]))
		b.WriteByte('\n')
		rest = rest[n:]
	}
	fmt.Fprintf(b, "' | base64 -d >%s", file)
}

// frame takes an answer apart as it comes in. What is beyond what is kept of a stream is
// counted and dropped.
type frame struct {
	buf    []byte // not looked through yet, or the beginning of a mark
	outEnd []byte
	errEnd []byte
	gotOut bool // stdout is complete
	keep   int64
	kind   string
	result Result
}

// frameLine is more than the last line of a frame can have.
const frameLine = 200

func newFrame(marker string, keep int64) *frame {
	return &frame{
		outEnd: []byte("polarbook-" + marker + "-out\n"),
		errEnd: []byte("polarbook-" + marker + "-end "),
		keep:   keep,
		kind:   frameBroken,
	}
}

// write takes the next piece and reports whether the frame is complete.
func (f *frame) write(piece []byte) bool {
	f.buf = append(f.buf, piece...)
	if !f.gotOut {
		if !f.upTo(f.outEnd, &f.result.Stdout, &f.result.StdoutCut) {
			return false
		}
		f.buf, f.gotOut = f.buf[len(f.outEnd):], true
	}
	if !f.upTo(f.errEnd, &f.result.Stderr, &f.result.StderrCut) {
		return false
	}
	rest := f.buf[len(f.errEnd):]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		return len(rest) > frameLine // the kind stays broken
	}
	fields := strings.Fields(string(rest[:end]))
	if len(fields) < 2 {
		return true
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		return true
	}
	f.kind, f.result.Status = fields[0], n
	for i, cut := range []*int64{&f.result.StdoutCut, &f.result.StderrCut} { // what the host has cut itself
		if len(fields) > 2+i && fields[2+i] != "" {
			if n, err := strconv.ParseInt(fields[2+i], 10, 64); err != nil || n < 0 {
				*cut = CutUncounted
			} else if *cut += n; *cut < n {
				*cut = CutUncounted
			}
		}
	}
	return true
}

// upTo moves what comes before the mark from the buffer to where it is kept, and reports whether the mark is there.
func (f *frame) upTo(mark []byte, kept *[]byte, cut *int64) bool {
	n := bytes.Index(f.buf, mark)
	found := n >= 0
	if !found {
		n = max(0, len(f.buf)-len(mark)+1)
	}
	*kept, *cut = keepUpTo(*kept, f.buf[:n], f.keep, *cut)
	f.buf = append(f.buf[:0], f.buf[n:]...)
	return found
}

// keepUpTo appends to what is kept as long as there is room, and adds the rest to what was cut.
func keepUpTo(kept, more []byte, keep, cut int64) ([]byte, int64) {
	n := int64(len(more))
	if room := keep - int64(len(kept)); n > room {
		n = max(0, room)
	}
	return append(kept, more[:n]...), cut + int64(len(more)) - n
}

// randomHex is 128 bits nobody can guess.
func randomHex() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
