package crypto

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
)

// subjectNames are the parts of a name, by the spellings that Ansible takes.
var subjectNames = map[string]asn1.ObjectIdentifier{
	"C": {2, 5, 4, 6}, "countryName": {2, 5, 4, 6}, "ST": {2, 5, 4, 8}, "stateOrProvinceName": {2, 5, 4, 8}, "L": {2, 5, 4, 7},
	"localityName": {2, 5, 4, 7}, "O": {2, 5, 4, 10}, "organizationName": {2, 5, 4, 10}, "OU": {2, 5, 4, 11},
	"organizationalUnitName": {2, 5, 4, 11}, "CN": {2, 5, 4, 3}, "commonName": {2, 5, 4, 3}, "serialNumber": {2, 5, 4, 5}, "SN": {2, 5, 4, 4},
	"surname": {2, 5, 4, 4}, "GN": {2, 5, 4, 42}, "givenName": {2, 5, 4, 42}, "title": {2, 5, 4, 12}, "street": {2, 5, 4, 9},
	"streetAddress": {2, 5, 4, 9}, "postalCode": {2, 5, 4, 17}, "UID": {0, 9, 2342, 19200300, 100, 1, 1},
	"userId": {0, 9, 2342, 19200300, 100, 1, 1}, "DC": {0, 9, 2342, 19200300, 100, 1, 25},
	"domainComponent": {0, 9, 2342, 19200300, 100, 1, 25},
	"emailAddress":    {1, 2, 840, 113549, 1, 9, 1}, "E": {1, 2, 840, 113549, 1, 9, 1},
}

// namePart is a part of a name.
type namePart struct {
	oid   asn1.ObjectIdentifier
	value string
	given string // the spelling under which it was asked for
}

// rawName writes a name. Country codes and mail addresses have types of their own for their texts (RFC 5280).
func rawName(parts []namePart) ([]byte, error) {
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	var name [][]attribute
	for _, p := range parts {
		kind := asn1.TagUTF8String
		switch {
		case p.oid.Equal(subjectNames["C"]), p.oid.Equal(subjectNames["serialNumber"]), p.oid.Equal(objectNamed("dnQualifier")),
			p.oid.Equal(objectNamed("jurisdictionC")):
			kind = asn1.TagPrintableString
		case p.oid.Equal(subjectNames["E"]), p.oid.Equal(subjectNames["DC"]):
			kind = asn1.TagIA5String
		}
		name = append(name, []attribute{{p.oid, asn1.RawValue{Tag: kind, Bytes: []byte(p.value)}}})
	}
	var sequence [][]byte
	for _, set := range name {
		der, err := asn1.MarshalWithParams(set, "set")
		if err != nil {
			return nil, err
		}
		sequence = append(sequence, der)
	}
	return asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(sequence...)})
}

// readName returns the parts of a name.
func readName(raw []byte) []namePart {
	var rdns pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &rdns); err != nil {
		return nil
	}
	var parts []namePart
	for _, set := range rdns {
		for _, a := range set {
			parts = append(parts, namePart{oid: a.Type, value: fmt.Sprint(a.Value)})
		}
	}
	return parts
}

// sameName compares names by their parts: in the same order, or in whatever order, where each counts once.
func sameName(a, b []namePart, inOrder bool) bool {
	text := func(parts []namePart) []string {
		var list []string
		for _, p := range parts {
			list = append(list, p.oid.String()+"="+p.value)
		}
		if !inOrder {
			slices.Sort(list)
			list = slices.Compact(list)
		}
		return list
	}
	return slices.Equal(text(a), text(b))
}

func shownName(parts []namePart) []any {
	list := []any{}
	for _, p := range parts {
		list = append(list, []any{p.given, p.value})
	}
	return list
}

// partsOf reads a dict of a name's parts; a value may be a list.
func partsOf(dict *ordered.Map) ([]namePart, error) {
	var parts []namePart
	for key, value := range dict.All() {
		oid, known := subjectNames[key]
		if !known {
			oid = objectNamed(key)
		}
		if oid == nil {
			return nil, fmt.Errorf("has %q, which is no part of a name that is known here", key)
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			text, err := convert.Text(v)
			if err != nil {
				return nil, fmt.Errorf("has a value for %s that is no text", key)
			}
			if text == "" {
				return nil, fmt.Errorf("has an empty value for %s", key)
			}
			parts = append(parts, namePart{oid, text, key})
		}
	}
	return parts, nil
}

// The tags of names in a subjectAltName (RFC 5280, GeneralName).
const (
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
	tagIP    = 7
	tagRID   = 8
)

// alternatives writes a subjectAltName of "DNS:example.com", "IP:10.0.0.1" and the like.
func alternatives(names []string) ([]byte, error) {
	all, err := generalNames(names)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(all)
}

func generalNames(names []string) ([]asn1.RawValue, error) {
	var all []asn1.RawValue
	for _, name := range names {
		v, err := generalName(name, false)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// generalName reads a name; limit: it is one that limits names, in which an address is a network.
func generalName(name string, limit bool) (asn1.RawValue, error) {
	kind, text, ok := strings.Cut(strings.TrimSpace(name), ":")
	v := asn1.RawValue{Class: asn1.ClassContextSpecific, Bytes: []byte(text)}
	switch {
	case !ok:
		return v, fmt.Errorf("has %q, which does not say what it is: write DNS:, IP:, email:, URI: or RID: before it", name)
	case text == "":
		return v, fmt.Errorf("has %q, in which nothing follows", name)
	case kind == "DNS":
		v.Tag = tagDNS
	case kind == "email":
		v.Tag = tagEmail
	case kind == "URI":
		v.Tag = tagURI
		if _, err := url.Parse(text); err != nil {
			return v, fmt.Errorf("has %q, which is no URI", name)
		}
	case kind == "RID":
		v.Tag = tagRID
		oid, err := objectID(text)
		if err != nil {
			return v, fmt.Errorf("has %q, which is no number of an object", name)
		}
		der, err := asn1.Marshal(oid)
		if err != nil {
			return v, err
		}
		v.Bytes = der[2:]
	case kind == "IP" || kind == "IP Address":
		v.Tag = tagIP
		if v.Bytes = address(text, limit); v.Bytes == nil {
			return v, fmt.Errorf("has %q, which is no %s", name, map[bool]string{false: "address", true: "network such as 10.0.0.0/8"}[limit])
		}
	default:
		return v, fmt.Errorf("has %q: names of that kind are not known here, DNS:, IP:, email:, URI: and RID: are", name)
	}
	for _, b := range v.Bytes {
		if v.Tag != tagIP && v.Tag != tagRID && b >= 0x80 {
			return v, fmt.Errorf("has %q, in which only ASCII can be: write it as punycode", name)
		}
	}
	return v, nil
}

// address returns the bytes of an address, or of a network and its mask; nil: it is none.
func address(text string, network bool) []byte {
	if network {
		ip, n, err := net.ParseCIDR(text)
		if err != nil || !ip.Equal(n.IP) {
			return nil
		}
		return slices.Concat(n.IP, net.IP(n.Mask))
	}
	ip := net.ParseIP(text)
	if four := ip.To4(); four != nil {
		return four
	}
	return ip
}
