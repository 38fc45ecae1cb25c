package site

import (
	"fmt"
	"strings"
)

// SecondAddress gives a host another address in the hosts' network.
func (s *Site) SecondAddress(name string) string {
	s.T.Helper()
	first := s.Lab.Host(name).Address
	at := strings.LastIndexByte(first, '.')
	second := first[:at+1] + "1" + first[at+1:]
	s.On(name, fmt.Sprintf(`set -- $(ip -o -4 addr show | grep -F ' %s/'); ip addr replace "%s/${4#*/}" dev "$2"`, first, second))
	return second
}

// SendsFrom has a host that has two addresses send from one of them.
func (s *Site) SendsFrom(name, address string) {
	s.T.Helper()
	first := s.Lab.Host(name).Address
	network := first[:strings.LastIndexByte(first, '.')+1]
	s.On(name, fmt.Sprintf(`set -- $(ip -4 -o route show scope link | grep -F '%s'); ip route replace "$1" dev "$3" scope link src %s`,
		network, address))
}
