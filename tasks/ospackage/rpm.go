package ospackage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// The tags of a header that are read here, and the types of their values (rpm's documentation, "Package format").
const (
	tagName     = 1000
	tagVersion  = 1001
	tagRelease  = 1002
	tagEpoch    = 1003
	tagArch     = 1022
	tagProvides = 1047

	tagPayloadFormat     = 1124
	tagPayloadCompressor = 1125

	typeInt32       = 4
	typeString      = 6
	typeStringArray = 8
	typeI18NString  = 9
)

// header is what an rpm says of itself: the texts of its tags.
type header map[uint32][]string

// readRPM reads the main header of an rpm package, behind a lead of 96 bytes and the header of signatures, and returns where the
// files begin.
func readRPM(r io.ReaderAt, size int64) (header, int64, error) {
	lead := make([]byte, 96)
	if _, err := r.ReadAt(lead, 0); err != nil || !bytes.HasPrefix(lead, []byte{0xed, 0xab, 0xee, 0xdb}) {
		return nil, 0, errors.New("it is not an rpm package")
	}
	if lead[6] != 0 || lead[7] != 0 {
		return nil, 0, errors.New("it is a source package, and not one to install")
	}
	_, next, err := readHeader(r, int64(len(lead)), size)
	if err != nil {
		return nil, 0, err
	}
	return readHeader(r, (next+7)/8*8, size)
}

// readHeader reads a header at a place, and returns where it ends.
func readHeader(r io.ReaderAt, at, size int64) (header, int64, error) {
	damaged := errors.New("it is cut or damaged")
	intro := make([]byte, 16)
	if _, err := r.ReadAt(intro, at); err != nil || !bytes.HasPrefix(intro, []byte{0x8e, 0xad, 0xe8, 1}) {
		return nil, 0, damaged
	}
	const indexSize = 16
	count, length := int64(binary.BigEndian.Uint32(intro[8:])), int64(binary.BigEndian.Uint32(intro[12:]))
	end := at + 16 + count*indexSize + length
	if end > size || count*indexSize+length > descriptionLimit*4 {
		return nil, 0, damaged
	}
	all := make([]byte, count*indexSize+length)
	if _, err := r.ReadAt(all, at+16); err != nil {
		return nil, 0, damaged
	}
	store, h := all[count*indexSize:], header{}
	for i := range count {
		entry := all[i*indexSize:]
		tag, kind := binary.BigEndian.Uint32(entry), binary.BigEndian.Uint32(entry[4:])
		from, n := int64(binary.BigEndian.Uint32(entry[8:])), int64(binary.BigEndian.Uint32(entry[12:]))
		if from > length || n > length {
			return nil, 0, damaged
		}
		values, ok := headerValues(store[from:], kind, n)
		if !ok {
			return nil, 0, damaged
		}
		h[tag] = values
	}
	return h, end, nil
}

// headerValues reads numbers and texts; values of other types are left out.
func headerValues(store []byte, kind uint32, n int64) ([]string, bool) {
	var values []string
	switch kind {
	case typeInt32:
		for i := range n {
			if int64(len(store)) < i*4+4 {
				return nil, false
			}
			values = append(values, strconv.FormatUint(uint64(binary.BigEndian.Uint32(store[i*4:])), 10))
		}
	case typeString, typeStringArray, typeI18NString:
		for range n {
			text, rest, found := bytes.Cut(store, []byte{0})
			if !found {
				return nil, false
			}
			values, store = append(values, string(text)), rest
		}
	}
	return values, true
}

func (h header) first(tag uint32) string {
	if len(h[tag]) == 0 {
		return ""
	}
	return h[tag][0]
}

func (h header) describe() Package {
	p := Package{Format: RPM, Name: h.first(tagName), Architecture: h.first(tagArch),
		Version: fmt.Sprintf("%s-%s", h.first(tagVersion), h.first(tagRelease))}
	if epoch := h.first(tagEpoch); epoch != "" && epoch != "0" {
		p.Version = epoch + ":" + p.Version
	}
	return p
}

// providedLibrary is how rpm notes a library that a package has: libssl.so.3()(64bit).
var providedLibrary = regexp.MustCompile(`^([^()\s]+\.so[^()\s]*)(\(\))?(\(64bit\))?$`)

func (h header) libraries() []string {
	var names []string
	for _, provided := range h[tagProvides] {
		if m := providedLibrary.FindStringSubmatch(provided); m != nil {
			names = append(names, m[1])
		}
	}
	return names
}
