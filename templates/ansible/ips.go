package ansible

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// network is an address with the length of its network's prefix, as Python's netaddr has it: 10.0.0.5/24 keeps its 5.
type network struct {
	version int // 4 or 6
	value   *big.Int
	prefix  int
}

func widthOf(version int) int {
	if version == 6 {
		return 128
	}
	return 32
}

func (n network) width() int { return widthOf(n.version) }

// ones are so many bits that are set.
func ones(bits int) *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(max(bits, 0))), big.NewInt(1))
}

func (n network) hostmask() *big.Int { return ones(n.width() - n.prefix) }
func (n network) netmask() *big.Int  { return new(big.Int).Xor(ones(n.width()), n.hostmask()) }
func (n network) first() *big.Int    { return new(big.Int).AndNot(n.value, n.hostmask()) }
func (n network) last() *big.Int     { return new(big.Int).Or(n.value, n.hostmask()) }
func (n network) size() *big.Int     { return new(big.Int).Lsh(big.NewInt(1), uint(n.width()-n.prefix)) }
func (n network) cidr() network      { return network{n.version, n.first(), n.prefix} }
func (n network) alone() bool        { return n.prefix == n.width() }
func (n network) isNetwork() bool    { return n.value.Cmp(n.first()) == 0 }

// hasBroadcast is false for networks of IPv4 that are too small for such an address.
func (n network) hasBroadcast() bool { return n.version == 6 || n.width()-n.prefix > 1 }

func (n network) address() string { return addressText(n.version, n.value) }
func (n network) String() string  { return n.address() + "/" + strconv.Itoa(n.prefix) }

// holds reports whether another network is within this one.
func (n network) holds(other network) bool {
	return n.version == other.version && other.first().Cmp(n.first()) >= 0 && other.last().Cmp(n.last()) <= 0
}

// addressText writes an address as inet_ntop does.
func addressText(version int, value *big.Int) string {
	if version == 4 {
		var four [4]byte
		value.FillBytes(four[:])
		return netip.AddrFrom4(four).String()
	}
	var bytes [16]byte
	value.FillBytes(bytes[:])
	address := netip.AddrFrom16(bytes)
	if value.BitLen() > 16 && value.BitLen() <= 32 { // ::1.2.3.4
		return "::" + netip.AddrFrom4([4]byte(bytes[12:])).String()
	}
	return address.String()
}

// numberedAddress is the address with a number whose version nobody says: IPv4 where it fits.
func numberedAddress(value *big.Int) (network, error) {
	switch {
	case value.Sign() < 0 || value.BitLen() > 128:
		return network{}, errors.New("the result is no address")
	case value.BitLen() <= 32:
		return network{4, value, 32}, nil
	}
	return network{6, value, 128}, nil
}

// exactAddress reads an address as inet_pton does.
func exactAddress(text string) (network, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return network{}, false
	}
	version := 6
	if address.Is4() {
		version = 4
	}
	return network{version, new(big.Int).SetBytes(address.AsSlice()), widthOf(version)}, true
}

// looseAddress also reads what inet_aton does: 10.1 is 10.0.0.1, and the parts may be octal or hexadecimal.
func looseAddress(text string) (network, bool) {
	if n, ok := exactAddress(text); ok {
		return n, true
	}
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return network{}, false
	}
	total := uint64(0)
	for at, part := range parts {
		base := 10
		switch {
		case strings.HasPrefix(part, "0x"), strings.HasPrefix(part, "0X"):
			base, part = 16, part[2:]
		case len(part) > 1 && part[0] == '0':
			base = 8
		}
		bits := 8
		if at == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		number, err := strconv.ParseUint(part, base, bits)
		if err != nil {
			return network{}, false
		}
		total = total<<bits | number
	}
	return network{4, new(big.Int).SetUint64(total), 32}, true
}

// pythonInt reads what Python's int() does, where that fits an int.
func pythonInt(text string) (int, bool) {
	value, err := parsePythonInt(strings.TrimSpace(text), 10)
	number, ok := value.(int)
	return number, ok && err == nil
}

// partialAddress is 10.1 for 10.1.0.0.
func partialAddress(text string) (network, bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 || strings.Contains(text, ":") {
		return network{}, false
	}
	for at, part := range parts {
		number, ok := pythonInt(part)
		if !ok {
			return network{}, false
		}
		parts[at] = strconv.Itoa(number)
	}
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	return exactAddress(strings.Join(parts, "."))
}

// parseNetwork reads an address or a network: 10.0.0.5, 10.0.0.5/24, 10.0.0.0/255.255.255.0, 10.0.0.0/0.0.0.255, 10/8.
func parseNetwork(text string) (network, bool) {
	written, mask, masked := strings.Cut(text, "/")
	n, ok := exactAddress(written)
	if !ok {
		n, ok = partialAddress(written)
	}
	if !ok || !masked {
		return n, ok
	}
	if prefix, ok := pythonInt(mask); ok {
		n.prefix = prefix
		return n, prefix >= 0 && prefix <= n.width()
	}
	m, ok := exactAddress(mask)
	if !ok || m.version != n.version {
		return n, false
	}
	inverse := new(big.Int).Xor(m.value, ones(m.width()))
	switch {
	case isOnes(inverse):
		n.prefix = n.width() - inverse.BitLen()
	case isOnes(m.value):
		n.prefix = n.width() - m.value.BitLen()
	default:
		return n, false
	}
	return n, true
}

// isOnes reports whether a number is nothing but bits that are set.
func isOnes(i *big.Int) bool { return ones(i.BitLen()).Cmp(i) == 0 }

// usable are the first and the last address that a host can have.
func (n network) usable() (first, last *big.Int) {
	first, last = n.first(), n.last()
	if n.width()-n.prefix > 1 {
		first, last = first.Add(first, big.NewInt(1)), last.Sub(last, big.NewInt(1))
	}
	return first, last
}

// among reports whether the network lies within one of those.
func (n network) among(texts ...string) bool {
	for _, text := range texts {
		if around, ok := parseNetwork(text); ok && around.holds(n) {
			return true
		}
	}
	return false
}

func (n network) multicast() bool { return n.among("224.0.0.0/4", "ff00::/8") }
func (n network) loopback() bool  { return n.among("127.0.0.0/8", "::1") }

func (n network) private() bool {
	return n.among("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "239.0.0.0/8",
		"169.254.0.0/16", "fc00::/7", "fec0::/10", "fe80::/10")
}

// public is said of the address alone.
func (n network) public() bool {
	n.prefix = n.width()
	inverse := new(big.Int).Xor(n.value, ones(n.width()))
	return !n.multicast() && !n.private() && !n.loopback() && !isOnes(inverse) && !isOnes(n.value)
}

// reverse is the name of the address in the DNS.
func (n network) reverse() string {
	var parts []string
	zone := "in-addr.arpa."
	if n.version == 4 {
		parts = strings.Split(n.address(), ".")
	} else {
		zone = "ip6.arpa."
		parts = strings.Split(fmt.Sprintf("%032x", n.value), "")
	}
	reversed := make([]string, len(parts))
	for at, part := range parts {
		reversed[len(parts)-1-at] = part
	}
	return strings.Join(reversed, ".") + "." + zone
}

// at is the address with a number within the network; negative ones count from the end.
func (n network) at(index int) (string, bool) {
	offset := big.NewInt(int64(index))
	if index < 0 {
		offset.Add(offset, n.size())
	}
	if offset.Sign() < 0 || offset.Cmp(n.size()) >= 0 {
		return "", false
	}
	return addressText(n.version, offset.Add(offset, n.first())), true
}

// wholeText is a value as an argument of kind str of those filters takes it.
func wholeText(value any) string {
	if value == nil {
		return ""
	}
	return jinja.Text(value)
}
