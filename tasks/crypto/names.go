package crypto

import (
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
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
	"userId": {0, 9, 2342, 19200300, 100, 1, 1}, "DC": {0, 9, 2342, 19200300, 100, 1, 25}, "domainComponent": {0, 9, 2342, 19200300, 100, 1, 25},
	"emailAddress": {1, 2, 840, 113549, 1, 9, 1}, "E": {1, 2, 840, 113549, 1, 9, 1},
}

// shownNames are the parts by the one name under which they are returned.
var shownNames = []string{
	"countryName", "stateOrProvinceName", "localityName", "organizationName", "organizationalUnitName", "commonName", "serialNumber", "surname",
	"givenName", "title", "streetAddress", "postalCode", "userId", "domainComponent", "emailAddress",
}

// namePart is a part of a name.
type namePart struct {
	oid   asn1.ObjectIdentifier
	value string
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
		case p.oid.Equal(subjectNames["C"]), p.oid.Equal(subjectNames["serialNumber"]):
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
			parts = append(parts, namePart{a.Type, fmt.Sprint(a.Value)})
		}
	}
	return parts
}

// sameName compares names by their parts, in whatever order, as Ansible's modules do.
func sameName(a, b []namePart) bool {
	text := func(parts []namePart) []string {
		var list []string
		for _, p := range parts {
			list = append(list, p.oid.String()+"="+p.value)
		}
		slices.Sort(list)
		return list
	}
	return slices.Equal(text(a), text(b))
}

func shownName(parts []namePart) []any {
	list := []any{}
	for _, p := range parts {
		name := p.oid.String()
		for _, known := range shownNames {
			if subjectNames[known].Equal(p.oid) {
				name = known
			}
		}
		list = append(list, []any{name, p.value})
	}
	return list
}

// partsOf reads a dict of a name's parts; a value may be a list.
func partsOf(dict *ordered.Map) ([]namePart, error) {
	var parts []namePart
	for key, value := range dict.All() {
		oid, known := subjectNames[key]
		if !known {
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
			parts = append(parts, namePart{oid, text})
		}
	}
	return parts, nil
}

// The extensions that are made here.
var (
	oidSAN         = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidBasic       = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidSKI         = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAKI         = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidMustStaple  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
)

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
	var all []byte
	for _, name := range names {
		kind, text, ok := strings.Cut(strings.TrimSpace(name), ":")
		v := asn1.RawValue{Class: asn1.ClassContextSpecific, Bytes: []byte(text)}
		switch {
		case !ok:
			return nil, fmt.Errorf("has %q, which does not say what it is: write DNS:, IP:, email:, URI: or RID: before it", name)
		case text == "":
			return nil, fmt.Errorf("has %q, in which nothing follows", name)
		case kind == "DNS":
			v.Tag = tagDNS
		case kind == "email":
			v.Tag = tagEmail
		case kind == "URI":
			v.Tag = tagURI
			if _, err := url.Parse(text); err != nil {
				return nil, fmt.Errorf("has %q, which is no URI", name)
			}
		case kind == "RID":
			v.Tag = tagRID
			oid, err := objectID(text)
			if err != nil {
				return nil, fmt.Errorf("has %q, which is no number of an object", name)
			}
			der, err := asn1.Marshal(oid)
			if err != nil {
				return nil, err
			}
			v.Bytes = der[2:]
		case kind == "IP" || kind == "IP Address":
			v.Tag = tagIP
			ip := net.ParseIP(text)
			if ip == nil {
				return nil, fmt.Errorf("has %q, which is no address", name)
			}
			if v.Bytes = ip; ip.To4() != nil {
				v.Bytes = ip.To4()
			}
		default:
			return nil, fmt.Errorf("has %q: names of that kind are not known here, DNS:, IP:, email:, URI: and RID: are", name)
		}
		for i := range len(v.Bytes) {
			if v.Tag != tagIP && v.Tag != tagRID && v.Bytes[i] >= 0x80 {
				return nil, fmt.Errorf("has %q, in which only ASCII can be: write it as punycode", name)
			}
		}
		der, err := asn1.Marshal(v)
		if err != nil {
			return nil, err
		}
		all = append(all, der...)
	}
	return asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: all})
}

func objectID(text string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for _, part := range strings.Split(text, ".") {
		n := 0
		if _, err := fmt.Sscanf(part, "%d", &n); err != nil || fmt.Sprint(n) != part {
			return nil, errors.New("it is no number of an object")
		}
		oid = append(oid, n)
	}
	if len(oid) < 2 {
		return nil, errors.New("it is no number of an object")
	}
	return oid, nil
}

// usages are the bits of keyUsage, by the spellings that Ansible takes.
var usages = map[string]int{
	"digitalSignature": 0, "Digital Signature": 0, "nonRepudiation": 1, "Non Repudiation": 1, "contentCommitment": 1, "keyEncipherment": 2,
	"Key Encipherment": 2, "dataEncipherment": 3, "Data Encipherment": 3, "keyAgreement": 4, "Key Agreement": 4, "keyCertSign": 5,
	"Certificate Sign": 5, "cRLSign": 6, "CRL Sign": 6, "encipherOnly": 7, "Encipher Only": 7, "decipherOnly": 8, "Decipher Only": 8,
}

func keyUsage(names []string) ([]byte, error) {
	bits := [2]byte{}
	last := -1
	for _, name := range names {
		bit, known := usages[name]
		if !known {
			return nil, fmt.Errorf("has %q, which is no use of a key", name)
		}
		bits[bit/8] |= 0x80 >> (bit % 8)
		last = max(last, bit)
	}
	return asn1.Marshal(asn1.BitString{Bytes: bits[:last/8+1], BitLength: last + 1})
}

var extendedUsages = map[string]asn1.ObjectIdentifier{
	"serverAuth": {1, 3, 6, 1, 5, 5, 7, 3, 1}, "TLS Web Server Authentication": {1, 3, 6, 1, 5, 5, 7, 3, 1},
	"clientAuth": {1, 3, 6, 1, 5, 5, 7, 3, 2}, "TLS Web Client Authentication": {1, 3, 6, 1, 5, 5, 7, 3, 2},
	"codeSigning": {1, 3, 6, 1, 5, 5, 7, 3, 3}, "Code Signing": {1, 3, 6, 1, 5, 5, 7, 3, 3},
	"emailProtection": {1, 3, 6, 1, 5, 5, 7, 3, 4}, "E-mail Protection": {1, 3, 6, 1, 5, 5, 7, 3, 4},
	"timeStamping": {1, 3, 6, 1, 5, 5, 7, 3, 8}, "Time Stamping": {1, 3, 6, 1, 5, 5, 7, 3, 8},
	"OCSPSigning": {1, 3, 6, 1, 5, 5, 7, 3, 9}, "OCSP Signing": {1, 3, 6, 1, 5, 5, 7, 3, 9},
	"anyExtendedKeyUsage": {2, 5, 29, 37, 0}, "Any Extended Key Usage": {2, 5, 29, 37, 0},
	"ipsecEndSystem": {1, 3, 6, 1, 5, 5, 7, 3, 5}, "ipsecTunnel": {1, 3, 6, 1, 5, 5, 7, 3, 6}, "ipsecUser": {1, 3, 6, 1, 5, 5, 7, 3, 7},
}

func extendedKeyUsage(names []string) ([]byte, error) {
	var all []asn1.ObjectIdentifier
	for _, name := range names {
		oid, known := extendedUsages[name]
		if !known {
			var err error
			if oid, err = objectID(name); err != nil {
				return nil, fmt.Errorf("has %q, which is no use of a key", name)
			}
		}
		all = append(all, oid)
	}
	return asn1.Marshal(all)
}

type basicConstraints struct {
	IsCA   bool `asn1:"optional"`
	MaxLen int  `asn1:"optional,default:-1"`
}

func basic(list []string) ([]byte, error) {
	b := basicConstraints{MaxLen: -1}
	for _, item := range list {
		name, value, _ := strings.Cut(strings.ReplaceAll(item, " ", ""), ":")
		switch strings.ToLower(name) {
		case "ca":
			b.IsCA = strings.EqualFold(value, "true")
			if !b.IsCA && !strings.EqualFold(value, "false") {
				return nil, fmt.Errorf("has %q: write CA:TRUE or CA:FALSE", item)
			}
		case "pathlen":
			if _, err := fmt.Sscanf(value, "%d", &b.MaxLen); err != nil || b.MaxLen < 0 {
				return nil, fmt.Errorf("has %q: write pathlen: and a number", item)
			}
		default:
			return nil, fmt.Errorf("has %q: CA: and pathlen: are what there is", item)
		}
	}
	return asn1.Marshal(b)
}

// keyID is the identifier of a public key that others use too: the SHA-1 of its bits (RFC 5280, 4.2.1.2).
func keyID(public any) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:], nil
}

// sameExtensions compares extensions, in whatever order; what is a set (names, uses) as one.
func sameExtensions(a, b []pkix.Extension) bool {
	text := func(list []pkix.Extension) []string {
		var all []string
		for _, e := range list {
			value := hex.EncodeToString(e.Value)
			var items []asn1.RawValue
			if e.Id.Equal(oidSAN) || e.Id.Equal(oidExtKeyUsage) {
				if _, err := asn1.Unmarshal(e.Value, &items); err == nil {
					var each []string
					for _, item := range items {
						each = append(each, hex.EncodeToString(item.FullBytes))
					}
					slices.Sort(each)
					value = strings.Join(slices.Compact(each), " ")
				}
			}
			all = append(all, fmt.Sprint(e.Id, e.Critical, value))
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(text(a), text(b))
}
