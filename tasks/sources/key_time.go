package sources

import (
	"fmt"
	"iter"
)

// keyTime says from when and until when a key counts, in seconds since 1970: what the newest of its own signatures says.
type keyTime struct {
	made   int64
	lasts  int64 // 0: for ever
	signed int64 // when that was said
}

func (t keyTime) over(now int64) bool { return t.lasts != 0 && t.made+t.lasts <= now }

func number(bytes []byte) int64 {
	n := int64(0)
	for _, b := range bytes {
		n = n<<8 | int64(b)
	}
	return n
}

// What RFC 9580 calls the signatures that say how long a key lasts (5.2.1), and the parts of one (5.2.3.7).
const (
	certifiesFirst, certifiesLast, bindsSubkey, onKey = 0x10, 0x13, 0x18, 0x1f

	partSigned, partLasts, partIssuer, partIssuerPrint = 2, 9, 16, 33
)

// take reads a signature that follows a key: that of the key with the id itself. Others, and what cannot be read, say nothing.
func (t *keyTime) take(body []byte, id string) {
	count := 2 // bytes of a length
	if len(body) > 0 && body[0] == 6 {
		count = 4
	}
	if len(body) < 4+count || body[0] != 4 && body[0] != 6 {
		return
	}
	if kind := body[1]; kind != bindsSubkey && kind != onKey && (kind < certifiesFirst || kind > certifiesLast) {
		return
	}
	own, signed, lasts := false, int64(0), int64(0)
	rest := body[4:]
	for hashed := range 2 { // what is signed, and then what is not: an issuer may be in either
		size := number(rest[:min(count, len(rest))])
		rest = rest[min(count, len(rest)):]
		if size > int64(len(rest)) {
			return
		}
		for kind, value := range parts(rest[:size]) {
			switch {
			case kind == partSigned && hashed == 0:
				signed = number(value)
			case kind == partLasts && hashed == 0:
				lasts = number(value)
			case kind == partIssuer && len(value) == 8:
				own = own || digits(value) == id
			case kind == partIssuerPrint && len(value) > 1:
				own = own || longID(digits(value[1:])) == id
			}
		}
		rest = rest[size:]
	}
	if own && signed >= t.signed {
		t.signed, t.lasts = signed, lasts
	}
}

func digits(bytes []byte) string { return fmt.Sprintf("%X", bytes) }

// parts are the kinds and values of a signature's subpackets, up to one that is not whole.
func parts(raw []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for len(raw) > 0 {
			header, size := 1, int64(raw[0])
			switch {
			case raw[0] == 255 && len(raw) > 4:
				header, size = 5, number(raw[1:5])
			case raw[0] >= 192 && len(raw) > 1:
				header, size = 2, (size-192)<<8+int64(raw[1])+192
			}
			if size < 1 || size > int64(len(raw)-header) || !yield(int(raw[header]&0x7f), raw[header+1:header+int(size)]) {
				return
			}
			raw = raw[header+int(size):]
		}
	}
}
