// Package dma is PolarDB's consensus (DMA, X-Paxos) in Go: what a node says of itself and of the others, who leads and
// why that may be believed, the member list, and the ALTER SYSTEM DMA statements with the errors they give.
//
// It speaks SQL over connections it is given. It must not know hosts, SSH, inventories or modules; it decides nothing
// about what a cluster should look like.
package dma

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// DefaultPort is the client port of a server that is told no other: PostgreSQL's.
const DefaultPort = 5432

// PortDeviation is added by the engine to the client port to get the consensus port (polar_dma_port_deviation).
const PortDeviation = 10000

// MaxPort is the greatest client port that has a consensus port.
const MaxPort = 65535 - PortDeviation

// ConsensusPort returns the port on which the members of a server with that client port talk to it.
func ConsensusPort(client int) int { return client + PortDeviation }

// Address is a node as statements name it: host and client port. The views name it by host and consensus port.
// The engine compares addresses as strings, so the host is kept as it was written.
type Address struct {
	Host string
	Port int
}

// ParseAddress reads host:clientport and refuses what the engine would accept and choke on later: IPv6 (it splits at
// the first colon), a missing port, and a port above 55535, whose consensus port would not exist.
func ParseAddress(s string) (Address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Address{}, fmt.Errorf("address %q must be host:port: %w", s, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return Address{}, fmt.Errorf("address %q must end in a port number", s)
	}
	a := Address{Host: host, Port: n}
	return a, a.Check()
}

// Check reports whether the engine can use the address for a member.
func (a Address) Check() error {
	switch ip, err := netip.ParseAddr(a.Host); {
	case a.Host == "":
		return fmt.Errorf("address %q has no host", a)
	case err != nil:
		return fmt.Errorf("address %q must be an IPv4 address: "+
			"the members know one another by it (polar_dma_repl_appname is made from it)", a.Host)
	case !ip.Is4():
		return fmt.Errorf("address %q must be IPv4: the engine splits addresses at the first colon", a.Host)
	case a.Port < 1 || a.Port > MaxPort:
		return fmt.Errorf("port %d must be between 1 and %d: the consensus port is %d above it", a.Port, MaxPort, PortDeviation)
	}
	return nil
}

// String is host:clientport, as ALTER SYSTEM DMA takes it.
func (a Address) String() string { return a.Host + ":" + strconv.Itoa(a.Port) }

// Consensus is host:consensusport, as the views show it (ip_port).
func (a Address) Consensus() string { return a.Host + ":" + strconv.Itoa(ConsensusPort(a.Port)) }

// FromConsensus turns an ip_port of the views into the address that statements take.
func FromConsensus(ipPort string) (Address, error) {
	host, port, err := net.SplitHostPort(ipPort)
	if err != nil {
		return Address{}, fmt.Errorf("member %q must be host:port: %w", ipPort, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n <= PortDeviation {
		return Address{}, fmt.Errorf("member %q does not end in a consensus port", ipPort)
	}
	return Address{Host: host, Port: n - PortDeviation}, nil
}

// AppName returns the polar_dma_repl_appname of a node: its IPv4 address read big-endian as an unsigned number, and its
// client port. 10.0.0.1:5432 is standby_167772161_5432. It is how pg_stat_replication names the node.
func (a Address) AppName() (string, error) {
	if err := a.Check(); err != nil {
		return "", err
	}
	b := netip.MustParseAddr(a.Host).As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return fmt.Sprintf("standby_%d_%d", n, a.Port), nil
}
