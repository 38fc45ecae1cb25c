package ansible

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// ipFilters are those of ansible.utils for addresses and networks, as they are with netaddr 0.8. What is no address, or not of the
// kind that was asked for, is False or None, as there.
func ipFilters() map[string]jinja.Callable {
	return inCollections(map[string]jinja.Callable{
		"ipaddr": {Parameters: "query version alias", Do: func(c *jinja.Invocation) (any, error) {
			version, err := c.Integer("version", 0)
			if err != nil {
				return nil, err
			}
			return addressFilter(c, version)
		}},
		"ipv4":   {Parameters: "query", Do: func(c *jinja.Invocation) (any, error) { return addressFilter(c, 4) }},
		"ipv6":   {Parameters: "query", Do: func(c *jinja.Invocation) (any, error) { return addressFilter(c, 6) }},
		"ipwrap": {Parameters: "*ignored query", Do: wrapAddresses},
		"ipmath": {Parameters: "amount!", Do: addressMath},
		"ip4_hex": {Parameters: "delimiter", Do: func(c *jinja.Invocation) (any, error) {
			return addressHex(wholeText(c.Value), c.Text("delimiter", ""))
		}},
		"ipsubnet":            {Parameters: "query index", Do: subnet},
		"nthhost":             {Parameters: "query", Do: nthHost},
		"next_nth_usable":     {Parameters: "offset!", Do: func(c *jinja.Invocation) (any, error) { return nthUsable(c, 1) }},
		"previous_nth_usable": {Parameters: "offset!", Do: func(c *jinja.Invocation) (any, error) { return nthUsable(c, -1) }},
		"network_in_network": {Parameters: "test!", Do: func(c *jinja.Invocation) (any, error) {
			first, last := boundsOf(wholeText(c.Value))
			return within(wholeText(c.Bound["test"]), first, last), nil
		}},
		"network_in_usable": {Parameters: "test!", Do: inUsable},
		"reduce_on_network": {Parameters: "network!", Do: reduceOnNetwork},
		"cidr_merge":        {Parameters: "action", Do: mergeNetworks},
		"slaac":             {Parameters: "query", Do: slaac},
		"hwaddr":            {Parameters: "query alias", Do: hardwareAddress},
		"macaddr":           {Parameters: "query", Do: hardwareAddress},
		"usable_range":      of(usableRange),
	})
}

// inCollections adds the names that the filters have in collections; the short ones lead to ansible.utils.
func inCollections(filters map[string]jinja.Callable) map[string]jinja.Callable {
	all := map[string]jinja.Callable{}
	for name, f := range filters {
		all[name], all["ansible.utils."+name] = f, f
		if name != "usable_range" {
			all["ansible.netcommon."+name] = f
		}
	}
	return all
}

func addressFilter(c *jinja.Invocation, version int) (any, error) {
	switch c.Value.(type) {
	case string, []any, jinja.Tuple, bool, int, *big.Int:
	default:
		return nil, fmt.Errorf("%s needs an address, a network, a number or a list of them, this is %s", c.Name, jinja.Describe(c.Value))
	}
	return (&addressQuery{version: version, query: c.Text("query", "")}).of(c.Value, 0)
}

// addressQuery is what an address is asked for.
type addressQuery struct {
	version int // 4, 6, or 0 for either
	query   string
}

func (q *addressQuery) of(value any, depth int) (any, error) {
	if depth > jinja.MaximumDepth {
		return nil, errors.New("a list of addresses nests too deep")
	}
	if pair, ok := value.(jinja.Tuple); ok {
		value = []any(pair)
	}
	if list, ok := value.([]any); ok {
		kept := []any{}
		for _, item := range list {
			answer, err := q.of(item, depth+1)
			if err != nil {
				return nil, err
			}
			if yes, err := jinja.Truth(answer); err == nil && yes {
				kept = append(kept, answer)
			}
		}
		return kept, nil
	}
	a, ok := recognized(value, q.version)
	if !ok {
		return false, nil
	}
	query := q.query
	var around *network
	if _, known := addressQueries[query]; query != "" && !known && !isDigits(query) {
		if in, ok := parseNetwork(query); ok {
			around = &in
		}
	}
	if q.version != 0 && a.version != q.version {
		return false, nil
	}
	if around != nil {
		if around.cidr().holds(a.network) {
			return a.written, nil
		}
		return nil, nil
	}
	if answer, ok := addressQueries[query]; ok {
		return answer(a)
	}
	if _, ok := pythonFloat(strings.TrimSpace(query)); !ok {
		return nil, fmt.Errorf("there is no query %q of addresses", query)
	}
	switch {
	case !a.alone():
		index, ok := pythonInt(query)
		text, there := a.at(index)
		if !ok || !there {
			return false, nil
		}
		return text + "/" + strconv.Itoa(a.prefix), nil
	case a.masked:
		return a.String(), nil
	}
	return a.address(), nil
}

// asked is an address or network that a filter was given.
type asked struct {
	network
	written string // as it was given, a number as an address
	masked  bool   // with a prefix
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// recognized reads a value: a text, or a number, which is an address of IPv4 where it fits and nobody wants another.
func recognized(value any, version int) (asked, bool) {
	if yes, err := jinja.Truth(value); err != nil || !yes || value == true {
		return asked{}, false
	}
	text := jinja.Text(value)
	if isDigits(text) {
		number, _ := new(big.Int).SetString(text, 10)
		if number.BitLen() > 128 {
			return asked{}, false
		}
		n := network{4, number, 32}
		if version == 6 || number.BitLen() > 32 {
			n = network{6, number, 128}
		}
		return asked{n, n.String(), false}, true
	}
	if _, ok := value.(string); !ok {
		return asked{}, false
	}
	masked := strings.Count(text, "/") == 1
	if n, ok := parseNetwork(text); ok {
		return asked{n, text, masked}, true
	}
	// 167772160/8 is a number, too.
	number, prefix, _ := strings.Cut(text, "/")
	length, ok := pythonInt(prefix)
	address, err := parsePythonInt(strings.TrimSpace(number), 10)
	whole, isWhole := jinja.Big(address)
	if !masked || !ok || err != nil || !isWhole || whole.Sign() < 0 || length < 0 {
		return asked{}, false
	}
	for _, version := range []int{4, 6} {
		if n := (network{version, whole, length}); whole.BitLen() <= n.width() && length <= n.width() {
			return asked{n, n.String(), true}, true
		}
	}
	return asked{}, false
}

var errNoNetwork = errors.New("this is an address and no network")

// addressQueries are what can be asked of an address or a network.
var addressQueries map[string]func(a asked) (any, error)

func init() {
	text := func(do func(a asked) string) func(a asked) (any, error) {
		return func(a asked) (any, error) { return do(a), nil }
	}
	// when gives what was given where it holds.
	when := func(is func(a asked) bool) func(a asked) (any, error) {
		return func(a asked) (any, error) {
			if is(a) {
				return a.written, nil
			}
			return nil, nil
		}
	}
	inNetwork := func(do func(a asked) (any, error)) func(a asked) (any, error) {
		return func(a asked) (any, error) {
			switch {
			case !a.masked:
				return nil, errNoNetwork
			case a.alone():
				return nil, nil
			}
			return do(a)
		}
	}
	usable := func(pick func(a asked, first, last *big.Int) (any, error)) func(a asked) (any, error) {
		return inNetwork(func(a asked) (any, error) {
			first, last := a.usable()
			return pick(a, first, last)
		})
	}
	addressQueries = map[string]func(a asked) (any, error){
		"": func(a asked) (any, error) {
			if a.masked {
				return a.String(), nil
			}
			return a.address(), nil
		},
		"6to4": sixToFour,
		"ip": func(a asked) (any, error) {
			if a.alone() || !a.isNetwork() || !a.hasBroadcast() || a.version == 6 {
				return a.address(), nil
			}
			return nil, nil
		},
		"address/prefix": func(a asked) (any, error) {
			if a.width()-a.prefix > 1 && (a.isNetwork() || a.hasBroadcast() && a.value.Cmp(a.last()) == 0) {
				return false, nil
			}
			return a.String(), nil
		},
		"bool": func(asked) (any, error) { return true, nil },
		"broadcast": func(a asked) (any, error) {
			if a.width()-a.prefix < 2 {
				return nil, nil
			}
			return addressText(a.version, a.last()), nil
		},
		"cidr":         text(func(a asked) string { return a.String() }),
		"first_usable": usable(func(_ asked, first, _ *big.Int) (any, error) { return numbered(first) }),
		"last_usable":  usable(func(_ asked, _, last *big.Int) (any, error) { return numbered(last) }),
		"range_usable": usable(func(_ asked, first, last *big.Int) (any, error) {
			from, err := numbered(first)
			to, failed := numbered(last)
			return fmt.Sprintf("%v-%v", from, to), errors.Join(err, failed)
		}),
		"next_usable":     usable(func(a asked, first, last *big.Int) (any, error) { return beside(a.network, 1, first, last) }),
		"previous_usable": usable(func(a asked, first, last *big.Int) (any, error) { return beside(a.network, -1, first, last) }),
		"peer":            peer,
		"host": func(a asked) (any, error) {
			if a.alone() || !a.isNetwork() || !a.hasBroadcast() {
				return a.String(), nil
			}
			return nil, nil
		},
		"hostmask": text(func(a asked) string { return addressText(a.version, a.hostmask()) }),
		"netmask":  text(func(a asked) string { return addressText(a.version, a.netmask()) }),
		"network":  text(func(a asked) string { return a.cidr().address() }),
		"subnet":   text(func(a asked) string { return a.cidr().String() }),
		"network_netmask": text(func(a asked) string {
			return a.cidr().address() + " " + addressText(a.version, a.netmask())
		}),
		"network_wildcard": text(func(a asked) string {
			return a.cidr().address() + " " + addressText(a.version, a.hostmask())
		}),
		"int": func(a asked) (any, error) {
			if a.masked {
				return a.value.String() + "/" + strconv.Itoa(a.prefix), nil
			}
			return jinja.Whole(a.value), nil
		},
		"ip/prefix": hostOf(func(a asked) string { return a.String() }),
		"ip_netmask": hostOf(func(a asked) string {
			return a.address() + " " + addressText(a.version, a.netmask())
		}),
		"ipv4": asFour,
		"ipv6": func(a asked) (any, error) {
			if a.version == 6 {
				return a.written, nil
			}
			mapped := new(big.Int).Or(new(big.Int).Lsh(big.NewInt(0xffff), 32), a.value)
			return network{6, mapped, a.prefix + 96}.String(), nil
		},
		"link-local": when(func(a asked) bool {
			a.prefix = a.width()
			return a.among("169.254.0.0/16", "fe80::/10")
		}),
		"lo": when(func(a asked) bool {
			a.prefix = a.width()
			return a.loopback()
		}),
		"multicast": when(func(a asked) bool { return a.multicast() }),
		"unicast":   when(func(a asked) bool { return !a.multicast() }),
		"private":   when(func(a asked) bool { return a.private() }),
		"public":    when(func(a asked) bool { return a.public() }),
		"net": func(a asked) (any, error) {
			if !a.alone() && a.isNetwork() {
				return a.String(), nil
			}
			return nil, nil
		},
		"prefix":  func(a asked) (any, error) { return a.prefix, nil },
		"version": func(a asked) (any, error) { return a.version, nil },
		"size":    func(a asked) (any, error) { return jinja.Whole(a.size()), nil },
		"size_usable": func(a asked) (any, error) {
			switch a.width() - a.prefix {
			case 0:
				return 0, nil
			case 1:
				return 2, nil
			}
			return jinja.Whole(new(big.Int).Sub(a.size(), big.NewInt(2))), nil
		},
		"revdns": text(func(a asked) string { return a.reverse() }),
		"type": text(func(a asked) string {
			if a.alone() || !a.isNetwork() {
				return "address"
			}
			return "network"
		}),
		"wrap": func(a asked) (any, error) {
			switch {
			case a.version == 4:
				return a.written, nil
			case a.masked:
				return "[" + a.address() + "]/" + strconv.Itoa(a.prefix), nil
			}
			return "[" + a.address() + "]", nil
		},
	}
	for name, aliases := range map[string]string{
		"ip": "address", "address/prefix": "gateway gw host/prefix hostnet router", "hostmask": "wildcard", "ipv4": "v4", "ipv6": "v6",
		"lo": "loopback", "network": "network_id", "subnet": "network/prefix",
	} {
		for alias := range strings.FieldsSeq(aliases) {
			addressQueries[alias] = addressQueries[name]
		}
	}
}

func numbered(value *big.Int) (any, error) {
	n, err := numberedAddress(value)
	if err != nil {
		return nil, err
	}
	return n.address(), nil
}

// beside is the address so far from that of a network, where a host can have it.
func beside(n network, offset int, first, last *big.Int) (any, error) {
	at := new(big.Int).Add(n.value, big.NewInt(int64(offset)))
	text, err := numbered(at)
	if err != nil || at.Cmp(first) < 0 || at.Cmp(last) > 0 {
		return nil, err
	}
	return text, nil
}

// hostOf is for what is the address of a host in a network.
func hostOf(do func(a asked) string) func(a asked) (any, error) {
	return func(a asked) (any, error) {
		if left := a.width() - a.prefix; left == 1 || left > 1 && !a.isNetwork() {
			return do(a), nil
		}
		return nil, nil
	}
}

func peer(a asked) (any, error) {
	if !a.masked {
		return nil, errNoNetwork
	}
	switch last := a.value.Bit(0) + 2*a.value.Bit(1); {
	case a.width()-a.prefix == 1:
		return numbered(new(big.Int).Xor(a.value, big.NewInt(1)))
	case a.width()-a.prefix != 2:
		return nil, errors.New("only networks of two hosts, with a prefix of 30 or 31, have a peer")
	case last == 0 || last == 3:
		return nil, errors.New("the address of the network itself, or of its broadcast, has no peer")
	}
	return numbered(new(big.Int).Xor(a.value, big.NewInt(3)))
}

func asFour(a asked) (any, error) {
	if a.version == 4 {
		return a.written, nil
	}
	value := a.value
	if value.BitLen() > 32 {
		value = new(big.Int).Sub(value, new(big.Int).Lsh(big.NewInt(0xffff), 32))
	}
	if a.value.BitLen() > 48 || value.Sign() < 0 || a.prefix < 96 {
		return false, nil
	}
	return network{4, value, a.prefix - 96}.String(), nil
}

func sixToFour(a asked) (any, error) {
	switch {
	case a.version == 4 && (a.alone() || !a.isNetwork()):
		if a.prefix = 32; !a.public() && !a.private() {
			return false, nil
		}
		return fmt.Sprintf("2002:%04x:%04x::1/48", a.value.Uint64()>>16, a.value.Uint64()&0xffff), nil
	case a.version == 6:
		of := a.network
		of.prefix = 128
		if !of.among("2002::/16") {
			return false, nil
		}
		if !a.masked || !a.isNetwork() {
			return a.written, nil
		}
	}
	return false, nil
}
