package consensus

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MetaFile is the name of the meta file inside polar_dma.
const MetaFile = "consensus_meta"

// ReadMeta reads dir/consensus_meta.
func ReadMeta(dir string) (*Meta, error) {
	b, err := os.ReadFile(filepath.Join(dir, MetaFile))
	if err != nil {
		return nil, err
	}
	var m Meta
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, MetaFile), err)
	}
	return &m, nil
}

// WriteMeta replaces dir/consensus_meta.
func WriteMeta(dir string, m *Meta) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, MetaFile)
	if err := os.WriteFile(name+".tmp", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

// InitMembers is the leader meta init: members is "host:port;host:port@index" with client ports.
// A missing index or one outside the list is taken as it is, as the engine does; it fails later. sync keeps the learners
// that the node knows.
func InitMembers(dir, members string, deviation int, sync bool) (*Meta, error) {
	list, index, found := strings.Cut(members, "@")
	m := &Meta{Fresh: true, Plain: true}
	for _, address := range strings.Split(list, ";") {
		consensusAddress, err := Shift(address, deviation)
		if err != nil {
			return nil, err
		}
		m.Members = append(m.Members, Member{Address: consensusAddress, Weight: DefaultWeight})
	}
	if found {
		n, err := strconv.Atoi(index)
		if err != nil {
			return nil, fmt.Errorf("invalid member index %q", index)
		}
		m.SelfIndex = n
	}
	if m.SelfIndex >= 1 && m.SelfIndex <= len(m.Members) {
		m.Self = m.Members[m.SelfIndex-1].Address
	} else {
		m.Self = m.Members[0].Address
	}
	if old, err := ReadMeta(dir); err == nil && sync {
		m.Learners = old.Learners
	}
	return m, keepOld(dir, m)
}

// InitLearner is the learner meta init.
func InitLearner(dir, address string, deviation int) (*Meta, error) {
	consensusAddress, err := Shift(address, deviation)
	if err != nil {
		return nil, err
	}
	m := &Meta{Fresh: true, Plain: true, Self: consensusAddress}
	return m, keepOld(dir, m)
}

// keepOld writes the meta. The log stays where it is: a re-initialised node goes on from what it has, and its
// commit index is only as far as it had got.
func keepOld(dir string, m *Meta) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if old, err := ReadMeta(dir); err == nil {
		m.CommitIndex = old.CommitIndex
		m.Term = old.Term
		m.HighestVoted = old.HighestVoted
	}
	return WriteMeta(dir, m)
}

// Shift turns host:clientport into host:consensusport. Everything after the first colon is the port.
func Shift(address string, deviation int) (string, error) {
	host, port, ok := strings.Cut(address, ":")
	if !ok || host == "" {
		return "", fmt.Errorf("invalid server address string specified in server address: %s", address)
	}
	n, _ := strconv.Atoi(port)
	if n <= 0 || n+deviation > 65535 {
		shown := n
		if n > 0 {
			shown = n + deviation
		}
		return "", fmt.Errorf("invalid port number specified in server address: "+
			"%d, plus the client port obtained by adding %d to the consensus port.", shown, deviation)
	}
	return host + ":" + strconv.Itoa(n+deviation), nil
}

// ClientAddress turns host:consensusport back into host and client port.
func ClientAddress(address string, deviation int) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.Atoi(text)
	return host, n - deviation, err
}
