package script

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Connection is a line of the kernel's table of TCP sockets.
type Connection struct {
	Local, Remote string // addresses; IPv4 in IPv6 is written as IPv4
	Port          int    // local
	State         string
}

var tcpStates = map[string]string{
	"01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
	"07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING",
}

// ParseConnections reads /proc/net/tcp and tcp6. Addresses there are 32-bit words in the byte order of the machine,
// which is taken to be little-endian, as every supported one is.
func ParseConnections(text string) []Connection {
	var list []Connection
	for _, c := range ParseOwned(text) {
		list = append(list, c.Connection)
	}
	return list
}

// OwnedConnection is one with whose it is: root's while nobody has accepted it, and when it is over.
type OwnedConnection struct {
	Connection
	UID int
}

// ParseOwned reads what tcp_tables.sh prints of sockets with their owners, in the kernel's order.
func ParseOwned(text string) []OwnedConnection {
	var list []OwnedConnection
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 8 || !strings.HasSuffix(f[0], ":") {
			continue
		}
		local, port, ok := socketAddress(f[1])
		peer, _, okPeer := socketAddress(f[2])
		uid, err := strconv.Atoi(f[7])
		if ok && okPeer && err == nil {
			list = append(list, OwnedConnection{Connection{Local: local, Remote: peer, Port: port, State: tcpStates[f[3]]}, uid})
		}
	}
	return list
}

func socketAddress(text string) (address string, port int, ok bool) {
	digits, portText, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(digits)
	n, errPort := strconv.ParseUint(portText, 16, 16)
	if err != nil || errPort != nil || len(raw) != 4 && len(raw) != 16 {
		return "", 0, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a.Unmap().String(), int(n), true
}

// Receives reports whether a connection to an address ends at this socket.
func (c Connection) Receives(at netip.AddrPort) bool {
	return c.Port == int(at.Port()) && (c.Local == at.Addr().String() || c.State == "LISTEN" && (c.Local == "0.0.0.0" || c.Local == "::"))
}
