package sources

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/web"
)

// pgpKey is a public key of OpenPGP (RFC 9580) with what belongs to it: names, signatures, subkeys.
type pgpKey struct {
	fingerprints []string // the key's and then its subkeys', in capital hexadecimal digits
	times        []keyTime
	packets      []byte
}

// expired reports whether the key, or the subkey whose fingerprint is the i-th, counts no more.
func (k pgpKey) expired(i int, now int64) bool { return k.times[0].over(now) || k.times[i].over(now) }

// id is the long id of the key itself.
func (k pgpKey) id() string { return longID(k.fingerprints[0]) }

func longID(fingerprint string) string {
	if len(fingerprint) == 64 { // of version 6: the beginning
		return fingerprint[:16]
	}
	return fingerprint[max(0, len(fingerprint)-16):]
}

// has reports whether the key or a subkey has an id, of 8 or 16 digits, or a fingerprint that ends with it.
func (k pgpKey) has(id string) bool {
	for _, f := range k.fingerprints {
		if strings.HasSuffix(f, id) || longID(f) == id {
			return true
		}
	}
	return false
}

// counts reports whether the key or a subkey has an id, as has says, and has not expired.
func (k pgpKey) counts(id string, now int64) bool {
	for i, f := range k.fingerprints {
		if (strings.HasSuffix(f, id) || longID(f) == id) && !k.expired(i, now) {
			return true
		}
	}
	return false
}

const (
	armorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	armorEnd   = "-----END PGP PUBLIC KEY BLOCK-----"
)

// readKeys reads public keys, armored or not.
func readKeys(text []byte) ([]pgpKey, error) {
	if bytes.HasPrefix(text, []byte("KBX")) || len(text) > 12 && bytes.Equal(text[8:12], []byte("KBXf")) {
		return nil, errors.New("it is a keybox of GnuPG's, which apt and rpm do not read")
	}
	if !bytes.Contains(text, []byte(armorBegin)) {
		return readPackets(text)
	}
	var keys []pgpKey
	rest := string(text)
	for {
		_, after, ok := strings.Cut(rest, armorBegin)
		if !ok {
			return keys, nil
		}
		block, left, ok := strings.Cut(after, armorEnd)
		if !ok {
			return nil, errors.New("its last line is missing")
		}
		rest = left
		raw, err := base64.StdEncoding.DecodeString(armored(block))
		if err != nil {
			return nil, fmt.Errorf("it is not whole: %w", err)
		}
		more, err := readPackets(raw)
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
}

// armored returns the base64 of a block: without its headers, and without the checksum at its end.
func armored(block string) string {
	lines := strings.Split(strings.ReplaceAll(block, "\r", ""), "\n")
	for i, line := range lines {
		if i > 0 && strings.TrimSpace(line) == "" {
			lines = lines[i:]
			break
		}
	}
	var b strings.Builder
	for _, line := range lines {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "=") {
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// armorWidth is how long a line of base64 is.
const armorWidth = 64

// armor writes packets as the block of text that readKeys reads, with a checksum, as gpg does.
func armor(packets []byte) []byte {
	var b bytes.Buffer
	b.WriteString(armorBegin + "\n\n")
	for text := base64.StdEncoding.EncodeToString(packets); text != ""; {
		line := text[:min(armorWidth, len(text))]
		b.WriteString(line + "\n")
		text = text[len(line):]
	}
	sum := checksum(packets)
	b.WriteString("=" + base64.StdEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}) + "\n" + armorEnd + "\n")
	return b.Bytes()
}

// checksum is the CRC-24 of RFC 9580, 6.1.
func checksum(packets []byte) uint32 {
	const begin, polynomial, carry = 0xb704ce, 0x1864cfb, 0x1000000
	sum := uint32(begin)
	for _, b := range packets {
		sum ^= uint32(b) << 16
		for range 8 {
			if sum <<= 1; sum&carry != 0 {
				sum ^= polynomial
			}
		}
	}
	return sum
}

const (
	tagSignature, tagKey, tagUser, tagAttribute, tagSubkey, tagTrust, tagMarker, tagPadding = 2, 6, 13, 17, 14, 12, 10, 21
)

// readPackets reads keys from packets. What gpg keeps for itself (trust) is left out.
func readPackets(raw []byte) ([]pgpKey, error) {
	var keys []pgpKey
	for len(raw) > 0 {
		tag, body, whole, err := nextPacket(raw)
		if err != nil {
			return nil, err
		}
		packet := raw[:whole]
		raw = raw[whole:]
		switch tag {
		case tagKey:
			keys = append(keys, pgpKey{})
		case tagTrust, tagMarker, tagPadding:
			continue
		case tagSignature, tagUser, tagAttribute, tagSubkey:
		default:
			return nil, fmt.Errorf("it holds other than public keys (packet %d)", tag)
		}
		if len(keys) == 0 {
			return nil, errors.New("it does not begin with a public key")
		}
		k := &keys[len(keys)-1]
		if tag == tagKey || tag == tagSubkey {
			f, err := fingerprint(body)
			if err != nil {
				return nil, err
			}
			k.fingerprints, k.times = append(k.fingerprints, f), append(k.times, keyTime{made: number(body[min(1, len(body)):min(5, len(body))])})
		}
		if tag == tagSignature {
			k.times[len(k.times)-1].take(body, k.id())
		}
		k.packets = append(k.packets, packet...)
	}
	return keys, nil
}

var errCut = errors.New("it is no public key, or not whole")

// nextPacket returns the first packet's tag, its body, and how many bytes it takes in all.
func nextPacket(raw []byte) (tag int, body []byte, whole int, err error) {
	if raw[0]&0x80 == 0 {
		return 0, nil, 0, errCut
	}
	header, size := 0, 0
	if raw[0]&0x40 == 0 {
		tag = int(raw[0]>>2) & 15
		n := 1 << (raw[0] & 3)
		if n == 8 || len(raw) < 1+n {
			return 0, nil, 0, errCut
		}
		for _, b := range raw[1 : 1+n] {
			size = size<<8 | int(b)
		}
		header = 1 + n
	} else {
		tag = int(raw[0]) & 63
		switch {
		case len(raw) > 1 && raw[1] < 192:
			header, size = 2, int(raw[1])
		case len(raw) > 2 && raw[1] < 224:
			header, size = 3, (int(raw[1])-192)<<8+int(raw[2])+192
		case len(raw) > 5 && raw[1] == 255:
			header, size = 6, int(raw[2])<<24|int(raw[3])<<16|int(raw[4])<<8|int(raw[5])
		default:
			return 0, nil, 0, errCut
		}
	}
	if size < 1 || size > len(raw)-header {
		return 0, nil, 0, errCut
	}
	return tag, raw[header : header+size], header + size, nil
}

func fingerprint(body []byte) (string, error) {
	n := len(body)
	switch body[0] {
	case 4:
		sum := sha1.Sum(append([]byte{0x99, byte(n >> 8), byte(n)}, body...))
		return fmt.Sprintf("%X", sum), nil
	case 6:
		sum := sha256.Sum256(append([]byte{0x9b, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...))
		return fmt.Sprintf("%X", sum), nil
	}
	return "", fmt.Errorf("it is a key of version %d, which is not supported", body[0])
}

// fetchKey fetches a URL from the host.
func fetchKey(ctx context.Context, h tasks.Host, tools web.Tools, address string, verify bool) ([]byte, error) {
	c, err := web.NewClient(ctx, h, tools, web.Options{
		Timeout: 10, Netrc: true, Proxy: true, Verify: verify, Follow: "urllib2", Unpack: true, Agent: "ansible-httpget",
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	answer, err := c.Do(ctx, web.Request{Method: "GET", URL: address})
	if err != nil {
		return nil, err
	}
	if answer.Status != 200 && answer.Status != 0 {
		return nil, &tasks.Failure{Msg: fmt.Sprintf("Failed to download key at %s: HTTP Error %d: %s", address, answer.Status, answer.Reason)}
	}
	return c.Body(ctx)
}
