package ansible

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

func wrapAddresses(c *jinja.Invocation) (any, error) {
	q := &addressQuery{query: c.Text("query", "")}
	wrap := &addressQuery{query: "wrap"}
	one := func(value any, within bool) any {
		answer, err := q.of(value, 0)
		if err != nil {
			return value
		}
		if yes, err := jinja.Truth(answer); err != nil || !yes {
			return value
		}
		if within { // of a list each is wrapped as it is
			answer = value
		}
		wrapped, err := wrap.of(answer, 0)
		if err != nil {
			return value
		}
		return wrapped
	}
	switch v := c.Value.(type) {
	case []any:
		items := make([]any, len(v))
		for at, item := range v {
			items[at] = one(item, true)
		}
		return items, nil
	case string, bool:
		return one(v, false), nil
	}
	return nil, fmt.Errorf("%s needs an address or a list of them, this is %s", c.Name, jinja.Describe(c.Value))
}

func addressMath(c *jinja.Invocation) (any, error) {
	text := wholeText(c.Value)
	n, ok := looseAddress(text)
	if strings.Contains(text, "/") {
		n, ok = parseNetwork(text)
	}
	if !ok {
		return nil, fmt.Errorf("ipmath needs an address, %q is none", text)
	}
	amount, err := wholeNumber(c, "amount")
	if err != nil {
		return nil, err
	}
	sum := amount.Add(amount, n.value)
	if sum.Sign() < 0 || sum.BitLen() > n.width() {
		return nil, errors.New("ipmath: the result is no address")
	}
	return addressText(n.version, sum), nil
}

// wholeNumber is an argument that is a whole number, which may be in a text.
func wholeNumber(c *jinja.Invocation, name string) (*big.Int, error) {
	value := c.Bound[name]
	if text, ok := value.(string); ok {
		if parsed, err := parsePythonInt(strings.TrimSpace(text), 10); err == nil {
			value = parsed
		}
	}
	if f, ok := value.(float64); ok && f == float64(int(f)) {
		value = int(f)
	}
	i, ok := jinja.Big(value)
	if !ok {
		return nil, fmt.Errorf("%s: %s must be a whole number, not %s", c.Name, name, jinja.Describe(value))
	}
	return new(big.Int).Set(i), nil
}

func addressHex(text, between string) (any, error) {
	parts := strings.Split(text, ".")
	if len(parts) < 4 {
		return nil, fmt.Errorf("ip4_hex needs an IPv4 address, %q is none", text)
	}
	for at, part := range parts {
		number, ok := pythonInt(part)
		if !ok {
			return nil, fmt.Errorf("ip4_hex needs an IPv4 address, %q is none", text)
		}
		parts[at] = fmt.Sprintf("%02x", number)
	}
	return strings.Join(parts[:4], between), nil
}

// networkIn reads what a filter is given a network by: one with its host's bits dropped where it is written as a network.
func networkIn(value any) (network, bool) {
	a, ok := recognized(value, 0)
	return a.network, ok
}

func subnet(c *jinja.Invocation) (any, error) {
	n, ok := networkIn(wholeText(c.Value))
	if !ok {
		return false, nil
	}
	value := n.cidr()
	query := c.Text("query", "")
	if query == "" {
		return value.String(), nil
	}
	if !isDigits(query) {
		return subnetNumber(value, query)
	}
	prefix, ok := pythonInt(query)
	if !ok || prefix > value.width() {
		return false, nil
	}
	given, hasIndex := c.Given("index")
	if !hasIndex || given == nil {
		switch {
		case value.alone() && prefix == value.width():
			return nil, errors.New("ipsubnet: an address has no network around it with the prefix of an address")
		case value.alone():
			return network{value.version, value.value, prefix}.cidr().String(), nil
		case prefix < value.prefix:
			return nil, fmt.Errorf("ipsubnet: %s has no subnets with a prefix of %d", value, prefix)
		}
		return new(big.Int).Lsh(big.NewInt(1), uint(prefix-value.prefix)).String(), nil
	}
	index, err := wholeNumber(c, "index")
	if err != nil {
		return nil, err
	}
	if value.alone() {
		return around(value, prefix, index)
	}
	if prefix < value.prefix {
		if index.Sign() != 0 {
			return false, nil
		}
		return subnetAt(value.value, prefix)
	}
	subnets := new(big.Int).Lsh(big.NewInt(1), uint(prefix-value.prefix))
	if index.Sign() < 0 {
		index.Add(index, subnets)
	}
	if index.Sign() < 0 || index.Cmp(subnets) >= 0 {
		return false, nil
	}
	first := index.Lsh(index, uint(value.width()-prefix))
	return subnetAt(first.Add(first, value.value), prefix)
}

// subnetAt is the network that begins at an address whose version nobody says.
func subnetAt(first *big.Int, prefix int) (any, error) {
	start, err := numberedAddress(first)
	if err != nil || prefix > start.width() {
		return nil, errors.Join(err, errors.New("ipsubnet: the subnet is none"))
	}
	start.prefix = prefix
	return start.String(), nil
}

// around is the network with a number among those that hold an address, the largest of which has the prefix.
func around(value network, prefix int, index *big.Int) (any, error) {
	width := value.width()
	if !index.IsInt64() {
		return false, nil
	}
	at := int(index.Int64())
	if at > width+1-at || at < prefix-width {
		return false, nil
	}
	if at < 0 {
		at += width - prefix
	}
	if at < 0 || at >= width-prefix {
		return nil, errors.New("ipsubnet: there are fewer networks around the address")
	}
	return network{value.version, value.value, prefix + at}.cidr().String(), nil
}

// subnetNumber is which of the subnets of its size within another network this is, the first being 1.
func subnetNumber(value network, query string) (any, error) {
	within, ok := networkIn(query)
	if !ok {
		return nil, fmt.Errorf("ipsubnet needs a network, an address or the length of a prefix, %q is none", query)
	}
	shift := value.width() - within.prefix
	if shift < 0 || new(big.Int).Rsh(value.value, uint(shift)).Cmp(new(big.Int).Rsh(within.value, uint(shift))) != 0 ||
		value.prefix < within.prefix {
		return nil, fmt.Errorf("ipsubnet: %s is not in the network %s", value, within.cidr())
	}
	mask := ones(value.prefix - within.prefix)
	number := new(big.Int).Rsh(value.value, uint(value.width()-value.prefix))
	number.And(number, mask)
	return number.Add(number, big.NewInt(1)).String(), nil
}

func nthHost(c *jinja.Invocation) (any, error) {
	n, ok := networkIn(wholeText(c.Value))
	query := c.Text("query", "")
	if !ok || query == "" {
		return false, nil
	}
	index, ok := pythonInt(query)
	if !ok || big.NewInt(int64(index)).Cmp(n.size()) >= 0 {
		return false, nil
	}
	text, there := n.at(index)
	if !there {
		return nil, errors.New("nthhost: the network has fewer addresses")
	}
	return text, nil
}

func nthUsable(c *jinja.Invocation, direction int) (any, error) {
	offset, err := wholeNumber(c, "offset")
	if err != nil {
		return nil, err
	}
	n, ok := networkIn(wholeText(c.Value))
	switch {
	case !ok:
		return false, nil
	case n.alone():
		return nil, nil
	}
	if direction < 0 {
		offset.Neg(offset)
	}
	first, last := n.usable()
	at := offset.Add(offset, n.value)
	text, err := numbered(at)
	if err != nil || at.Cmp(first) < 0 || at.Cmp(last) > 0 {
		return nil, err
	}
	return text, nil
}

// boundsOf are the first and the last address of a network as numbers; 0 of what is none.
func boundsOf(value any) (first, last *big.Int) {
	n, ok := networkIn(value)
	if !ok {
		return new(big.Int), new(big.Int)
	}
	n = n.cidr()
	if !n.alone() && n.width()-n.prefix < 2 {
		return n.first(), n.first()
	}
	return n.first(), n.last()
}

func within(value any, first, last *big.Int) bool {
	from, to := boundsOf(value)
	return from.Cmp(first) >= 0 && from.Cmp(last) <= 0 && to.Cmp(first) >= 0 && to.Cmp(last) <= 0
}

func inUsable(c *jinja.Invocation) (any, error) {
	n, ok := networkIn(wholeText(c.Value))
	first, last := new(big.Int), new(big.Int)
	if ok {
		first, last = n.cidr().usable()
	}
	return within(wholeText(c.Bound["test"]), first, last), nil
}

func reduceOnNetwork(c *jinja.Invocation) (any, error) {
	list, err := addressList(c)
	if err != nil {
		return nil, err
	}
	first, last := boundsOf(wholeText(c.Bound["network"]))
	kept := []any{}
	for _, item := range list {
		if within(item, first, last) {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

// addressList is the value as a list of texts, which one with commas is too.
func addressList(c *jinja.Invocation) ([]any, error) {
	switch v := c.Value.(type) {
	case string:
		list := []any{}
		for part := range strings.SplitSeq(v, ",") {
			list = append(list, strings.TrimSpace(part))
		}
		return list, nil
	case int, float64, *big.Int:
		return []any{jinja.Text(v)}, nil
	}
	items, err := c.Items()
	if err != nil {
		return nil, err
	}
	list := make([]any, len(items))
	for at, item := range items {
		list[at] = wholeText(item)
	}
	return list, nil
}

func mergeNetworks(c *jinja.Invocation) (any, error) {
	list, err := addressList(c)
	if err != nil {
		return nil, err
	}
	networks := make([]network, len(list))
	for at, item := range list {
		n, ok := parseNetwork(item.(string))
		if !ok {
			return nil, fmt.Errorf("cidr_merge: %q is neither an address nor a network", item)
		}
		networks[at] = n
	}
	switch action := c.Text("action", "merge"); {
	case action == "merge":
		return mergedNetworks(networks), nil
	case action != "span":
		return nil, fmt.Errorf("cidr_merge knows the actions merge and span, not %q", action)
	case len(networks) == 0:
		return nil, nil
	case len(networks) == 1:
		return networks[0].String(), nil
	}
	return spanning(networks)
}

// byPlace compares two networks: IPv4 first, then by where they begin, the larger one first.
func byPlace(a, b network) int {
	if a.version != b.version {
		return a.version - b.version
	}
	if less := a.first().Cmp(b.first()); less != 0 {
		return less
	}
	if a.prefix != b.prefix {
		return a.prefix - b.prefix
	}
	return a.value.Cmp(b.value)
}

// spanning is the smallest network that holds all of them.
func spanning(networks []network) (any, error) {
	low, high := slices.MinFunc(networks, byPlace), slices.MaxFunc(networks, byPlace)
	if low.version != high.version {
		return nil, errors.New("cidr_merge: no network holds both IPv4 and IPv6")
	}
	at := network{high.version, high.last(), high.prefix}
	for at.prefix > 0 && at.value.Cmp(low.first()) > 0 {
		at.prefix--
		at.value = at.first()
	}
	return at.String(), nil
}

// mergedNetworks are the fewest networks with the same addresses.
func mergedNetworks(networks []network) []any {
	slices.SortFunc(networks, byPlace)
	result := []any{}
	for at := 0; at < len(networks); {
		begin, version, first, last := at, networks[at].version, networks[at].first(), networks[at].last()
		for at++; at < len(networks) && networks[at].version == version; at++ {
			if networks[at].first().Cmp(new(big.Int).Add(last, big.NewInt(1))) > 0 {
				break
			}
			if more := networks[at].last(); more.Cmp(last) > 0 {
				last = more
			}
		}
		if at == begin+1 { // and it keeps the host's bits that it was given with
			result = append(result, networks[begin].String())
			continue
		}
		for first.Cmp(last) <= 0 {
			n := network{version, first, widthOf(version)}
			for n.prefix > 0 {
				larger := network{version, first, n.prefix - 1}
				if !larger.isNetwork() || larger.last().Cmp(last) > 0 {
					break
				}
				n = larger
			}
			result = append(result, n.String())
			first = new(big.Int).Add(n.last(), big.NewInt(1))
		}
	}
	return result
}

// usableRange lists all addresses of a network.
func usableRange(value any) (any, error) {
	text := wholeText(value)
	n, ok := exactNetwork(text)
	if !ok {
		return nil, fmt.Errorf("usable_range needs a network without a host's bits, %q is none", text)
	}
	size := n.size()
	if !size.IsInt64() || size.Int64() > jinja.MaximumItems {
		return nil, fmt.Errorf("usable_range: %s has more than %d addresses", text, jinja.MaximumItems)
	}
	list := make([]any, size.Int64())
	for at := range list {
		list[at], _ = n.at(at)
	}
	return ordered.Of("number_of_ips", jinja.Whole(size), "usable_ips", list), nil
}

// exactNetwork reads a network as Python's ipaddress does: no part of it may be left out, and no host's bit set.
func exactNetwork(text string) (network, bool) {
	address, _, _ := strings.Cut(text, "/")
	_, exact := exactAddress(address)
	n, ok := parseNetwork(text)
	return n, ok && exact && n.isNetwork()
}
