package sql

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks/dma"
)

// Value is nil, bool, int64, float64, string, []string or time.Time.
type Value = any

// Type OIDs used here, PostgreSQL's own.
const (
	Bool        = 16
	Bytea       = 17
	Char        = 18
	Name        = 19
	Int8        = 20
	Int2        = 21
	Int4        = 23
	Text        = 25
	OID         = 26
	XID         = 28
	JSON        = 114
	Float4      = 700
	Float8      = 701
	Inet        = 869
	TextArray   = 1009
	BPChar      = 1042
	Varchar     = 1043
	Date        = 1082
	Timestamp   = 1114
	Timestamptz = 1184
	Interval    = 1186
	Numeric     = 1700
	Void        = 2278
	LSN         = 3220
)

var typeNames = map[string]uint32{
	"bool": Bool, "boolean": Bool, "bytea": Bytea, "name": Name, "int8": Int8, "bigint": Int8, "int2": Int2, "smallint": Int2,
	"int4": Int4, "int": Int4, "integer": Int4, "text": Text, "oid": OID, "regclass": OID, "json": JSON, "jsonb": JSON, "float4": Float4,
	"real": Float4, "float8": Float8, "double precision": Float8, "inet": Inet, "cidr": Inet, "text[]": TextArray,
	"char": BPChar, "character": BPChar,
	"varchar": Varchar, "character varying": Varchar, "date": Date, "timestamp": Timestamp, "timestamp without time zone": Timestamp,
	"timestamptz": Timestamptz, "timestamp with time zone": Timestamptz, "interval": Interval, "numeric": Numeric, "decimal": Numeric,
	"pg_lsn": LSN, "serial": Int4, "bigserial": Int8, "xid": XID, "uuid": Text, "regrole": Text, "regproc": Text,
}

// TypeName is format_type for the types known here.
func TypeName(oid uint32) string {
	switch oid {
	case Bool:
		return "boolean"
	case Int8:
		return "bigint"
	case Int4:
		return "integer"
	case Int2:
		return "smallint"
	case Timestamptz:
		return "timestamp with time zone"
	case Timestamp:
		return "timestamp without time zone"
	case Float8:
		return "double precision"
	case Varchar:
		return "character varying"
	case LSN:
		return "pg_lsn"
	}
	for name, known := range typeNames {
		if known == oid && !strings.Contains(name, " ") {
			return name
		}
	}
	return "text"
}

// Error is what goes to the client: a SQLSTATE and a text.
type Error struct {
	Severity string // ERROR when empty
	Code     string
	Message  string
	Detail   string
	Hint     string
	Position int // 1-based, 0 unknown
	Routine  string
}

func (e *Error) Error() string { return e.Message }

// Errorf builds an Error.
func Errorf(code, format string, arguments ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

func unsupported(what string) *Error {
	return &Error{Code: "0A000", Message: "polarsim does not know " + what, Hint: "The stand-in speaks only a small part of SQL."}
}

func isInteger(oid uint32) bool {
	return oid == Int2 || oid == Int4 || oid == Int8 || oid == OID || oid == XID
}

const timeLayout = "2006-01-02 15:04:05.999999-07"

// Format renders a value as PostgreSQL's text format would.
func Format(v Value, oid uint32) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "t"
		}
		return "f"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		switch oid {
		case Date:
			return v.UTC().Format("2006-01-02")
		case Timestamp:
			return v.UTC().Format("2006-01-02 15:04:05.999999")
		}
		return v.UTC().Format(timeLayout)
	case time.Duration:
		return formatInterval(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = s
			if s == "" || strings.ContainsAny(s, `{},"\ `) {
				quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
			}
		}
		return "{" + strings.Join(quoted, ",") + "}"
	case string:
		return v
	}
	return fmt.Sprint(v)
}

func formatInterval(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	d = d.Round(time.Microsecond)
	out := fmt.Sprintf("%s%02d:%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	if micros := d % time.Second / time.Microsecond; micros != 0 {
		out += strings.TrimRight(fmt.Sprintf(".%06d", micros), "0")
	}
	return out
}

// Cast converts a value to a type, with PostgreSQL's complaints.
func Cast(v Value, from, to uint32) (Value, error) {
	if v == nil {
		return nil, nil
	}
	switch to {
	case Bool:
		switch v := v.(type) {
		case bool:
			return v, nil
		case int64:
			return v != 0, nil
		case string:
			switch strings.ToLower(strings.TrimSpace(v)) {
			case "t", "true", "on", "yes", "1", "y":
				return true, nil
			case "f", "false", "off", "no", "0", "n":
				return false, nil
			}
			return nil, Errorf("22P02", "invalid input syntax for type boolean: \"%s\"", v)
		}
	case Int2, Int4, Int8, OID, XID:
		return castInteger(v, to)
	case Float4, Float8, Numeric:
		switch v := v.(type) {
		case int64:
			return float64(v), nil
		case float64:
			return v, nil
		case string:
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				return nil, Errorf("22P02", "invalid input syntax for type %s: \"%s\"", TypeName(to), v)
			}
			return f, nil
		}
	case Timestamp, Timestamptz, Date:
		switch v := v.(type) {
		case time.Time:
			return v, nil
		case string:
			return parseTime(v)
		}
	case LSN:
		s := Format(v, from)
		if _, err := ParseLSN(s); err != nil {
			return nil, Errorf("22P02", "invalid input syntax for type pg_lsn: \"%s\"", s)
		}
		return s, nil
	case TextArray:
		switch v := v.(type) {
		case []string:
			return v, nil
		case string:
			return parseArray(v)
		}
	default:
		return castText(v, from), nil
	}
	return nil, Errorf("42846", "cannot cast type %s to %s", TypeName(from), TypeName(to))
}

func castText(v Value, from uint32) Value {
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	return Format(v, from)
}

func castInteger(v Value, to uint32) (Value, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case int64:
		if to == Int4 && (v > 1<<31-1 || v < -1<<31) {
			return nil, Errorf("22003", "integer out of range")
		}
		return v, nil
	case float64:
		if v < 0 {
			return int64(v - 0.5), nil
		}
		return int64(v + 0.5), nil
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			return nil, Errorf("22P02", "invalid input syntax for %s: \"%s\"", TypeName(to), v)
		}
		return castInteger(n, to)
	}
	return nil, Errorf("42846", "cannot cast to %s", TypeName(to))
}

func parseTime(s string) (Value, error) {
	for _, layout := range []string{
		time.RFC3339Nano, timeLayout, "2006-01-02 15:04:05.999999Z07:00", "2006-01-02 15:04:05.999999", "2006-01-02 15:04:05", "2006-01-02",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return nil, Errorf("22007", "invalid input syntax for type timestamp with time zone: \"%s\"", s)
}

func parseArray(s string) (Value, error) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, Errorf("22P02", "malformed array literal: \"%s\"", s)
	}
	out := []string{}
	if s == "{}" {
		return out, nil
	}
	for _, part := range strings.Split(s[1:len(s)-1], ",") {
		out = append(out, strings.Trim(part, `"`))
	}
	return out, nil
}

// ParseLSN reads X/Y.
func ParseLSN(s string) (uint64, error) {
	high, low, ok := strings.Cut(s, "/")
	if !ok {
		return 0, fmt.Errorf("not an LSN: %q", s)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, err
	}
	l, err := strconv.ParseUint(low, 16, 32)
	return h<<32 | l, err
}

// FormatLSN renders X/Y.
func FormatLSN(lsn uint64) string { return fmt.Sprintf("%X/%X", lsn>>32, lsn&0xffffffff) }

// HashPassword returns what rolpassword holds for a clear password under password_encryption = md5.
func HashPassword(password, role string) string {
	sum := md5.Sum([]byte(password + role))
	return "md5" + hex.EncodeToString(sum[:])
}

// StoredPassword returns what rolpassword holds: a password that is a hash or a verifier already stays as it is. The salt is
// given, because every node has to come to the same.
func StoredPassword(encryption, password, role string, salt []byte) (string, error) {
	switch {
	case dma.PasswordEncryption(password) != "":
		return password, nil
	case encryption == dma.SCRAM:
		return dma.SCRAMVerifier(password, salt, dma.SCRAMIterations)
	}
	return HashPassword(password, role), nil
}
