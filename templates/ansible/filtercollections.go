package ansible

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// collectionFilters are those that a collection has and ansible-core does not: they go by their full names alone.
func collectionFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"community.general.version_sort": {Parameters: "reverse", Do: versionSort},
		"community.general.dict": {Do: func(c *jinja.Invocation) (any, error) {
			return c.Run.CallGlobal("dict", c.Value)
		}},
	}
}

// versionSort sorts as the test version compares: 2.9 comes before 2.10.
func versionSort(c *jinja.Invocation) (any, error) {
	reverse, err := c.Truth("reverse", false)
	if err != nil {
		return nil, err
	}
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if _, ok := item.(string); !ok {
			return nil, fmt.Errorf("version_sort needs texts, %s is %s; write map('string') before it", jinja.Repr(item), jinja.Describe(item))
		}
	}
	items = slices.Clone(items)
	var failed error
	slices.SortStableFunc(items, func(a, b any) int {
		order, err := compareLoose(a.(string), b.(string))
		failed = errors.Join(failed, err)
		if reverse {
			order = -order
		}
		return order
	})
	if failed != nil {
		return nil, firstOf(failed)
	}
	return items, nil
}

// addressTests are those of ansible.utils for addresses, by their full names.
func addressTests() map[string]jinja.Callable {
	address := func(is func(netip.Addr) bool) jinja.Callable {
		return test(func(v any) bool {
			s, _ := v.(string)
			a, err := netip.ParseAddr(s)
			return err == nil && is(a)
		})
	}
	return map[string]jinja.Callable{
		"ansible.utils.ipv4_address": address(netip.Addr.Is4),
		"ansible.utils.ipv6_address": address(netip.Addr.Is6),
		"ansible.utils.ip_address":   address(netip.Addr.IsValid),
		"ansible.utils.ip":           test(isNetwork),
	}
}

// isNetwork reports whether a text is an address, or a network that is written with its own address: 10.0.0.0/8, and not 10.0.0.1/8.
func isNetwork(v any) bool {
	s, _ := v.(string)
	written, mask, hasMask := strings.Cut(s, "/")
	address, err := netip.ParseAddr(written)
	if err != nil || !hasMask {
		return err == nil
	}
	of, known := networkMask(mask, address)
	return known && netip.PrefixFrom(address.WithZone(""), of).Masked().Addr() == address.WithZone("")
}

// networkMask is how many bits a mask has: 24, 255.255.255.0 or 0.0.0.255.
func networkMask(mask string, of netip.Addr) (bits int, ok bool) {
	if mask != "" && strings.Trim(mask, "0123456789") == "" && len(mask) < 4 {
		for _, digit := range mask {
			bits = 10*bits + int(digit-'0')
		}
		return bits, bits <= of.BitLen()
	}
	written, err := netip.ParseAddr(mask)
	if err != nil || !of.Is4() || !written.Is4() {
		return 0, false
	}
	value := uint32(0)
	for _, part := range written.As4() {
		value = value<<8 | uint32(part)
	}
	for bits = range 33 {
		if net := ^uint32(0) << (32 - bits); value == net || value == ^net {
			return bits, true
		}
	}
	return 0, false
}
