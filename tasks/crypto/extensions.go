package crypto

import (
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
)

// The extensions that are made here.
var (
	oidSAN         = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidBasic       = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidSKI         = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAKI         = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidCRLPoints   = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidMustStaple  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
)

// nameConstraints writes the names to which a CA is limited, and those that it is kept from.
func nameConstraints(permitted, excluded []string) ([]byte, error) {
	type subtree struct{ Base asn1.RawValue }
	var c struct {
		Permitted []subtree `asn1:"optional,tag:0"`
		Excluded  []subtree `asn1:"optional,tag:1"`
	}
	for _, from := range []struct {
		names []string
		to    *[]subtree
	}{{permitted, &c.Permitted}, {excluded, &c.Excluded}} {
		for _, name := range from.names {
			v, err := generalName(name, true)
			if err != nil {
				return nil, err
			}
			*from.to = append(*from.to, subtree{v})
		}
	}
	return asn1.Marshal(c)
}

// authorityID writes how the key of the CA is known: by an identifier, or by the names and number of its certificate.
func authorityID(id []byte, names []string, serial *big.Int) ([]byte, error) {
	issuers, err := generalNames(names)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		ID     []byte          `asn1:"optional,tag:0"`
		Names  []asn1.RawValue `asn1:"optional,tag:1"`
		Serial *big.Int        `asn1:"optional,tag:2"`
	}{id, issuers, serial})
}

// crlReasons are the bits of a distribution point's reasons.
var crlReasons = map[string]int{
	"key_compromise": 1, "ca_compromise": 2, "affiliation_changed": 3, "superseded": 4, "cessation_of_operation": 5, "certificate_hold": 6,
	"privilege_withdrawn": 7, "aa_compromise": 8,
}

// crlPoint is a place where revoked certificates are listed.
type crlPoint struct{ full, issuer, reasons []string }

func crlPointOf(item any) (crlPoint, error) {
	var p crlPoint
	dict, ok := ordered.Plain(item).(map[string]any)
	if !ok {
		return p, errors.New("has to be made of dicts")
	}
	into := map[string]*[]string{"full_name": &p.full, "crl_issuer": &p.issuer, "reasons": &p.reasons}
	for key, value := range dict {
		switch {
		case value == nil:
			continue
		case key == "relative_name":
			return p, errors.New("has a relative_name, which cannot be made here: take full_name")
		case into[key] == nil:
			return p, fmt.Errorf("has the key %q: full_name, crl_issuer and reasons are known", key)
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		*into[key] = convert.Texts(list)
	}
	if len(p.full) == 0 && len(p.issuer) == 0 {
		return p, errors.New("has one without full_name and crl_issuer, of which it needs one")
	}
	return p, nil
}

func crlPoints(points []any) ([]byte, error) {
	type place struct {
		Full []asn1.RawValue `asn1:"optional,tag:0"`
	}
	type point struct {
		Place   place           `asn1:"optional,tag:0"`
		Reasons asn1.BitString  `asn1:"optional,tag:1"`
		Issuer  []asn1.RawValue `asn1:"optional,tag:2"`
	}
	var all []point
	for _, item := range points {
		given, err := crlPointOf(item)
		if err != nil {
			return nil, err
		}
		var p point
		if p.Place.Full, err = generalNames(given.full); err != nil {
			return nil, err
		}
		if p.Issuer, err = generalNames(given.issuer); err != nil {
			return nil, err
		}
		var bits []int
		for _, reason := range given.reasons {
			bit, known := crlReasons[reason]
			if !known {
				return nil, fmt.Errorf("has the reason %q, which there is not", reason)
			}
			bits = append(bits, bit)
		}
		if bits != nil {
			p.Reasons = bitString(bits)
		}
		all = append(all, p)
	}
	return asn1.Marshal(all)
}

// bitString sets bits, none of which is above 15.
func bitString(set []int) asn1.BitString {
	bits := [2]byte{}
	last := slices.Max(set)
	for _, bit := range set {
		bits[bit/8] |= 0x80 >> (bit % 8)
	}
	return asn1.BitString{Bytes: bits[:last/8+1], BitLength: last + 1}
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
	var bits []int
	for _, name := range names {
		bit, known := usages[name]
		if !known {
			return nil, fmt.Errorf("has %q, which is no use of a key", name)
		}
		bits = append(bits, bit)
	}
	return asn1.Marshal(bitString(bits))
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
			if oid = objectNamed(name); oid == nil {
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
	if !b.IsCA && b.MaxLen >= 0 {
		return nil, errors.New("has a pathlen, which is for a CA alone: CA:TRUE")
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

// sameExtensions compares extensions, in whatever order; what is a set (names, uses, limits) as one.
func sameExtensions(a, b []pkix.Extension) bool {
	text := func(list []pkix.Extension) []string {
		var all []string
		for _, e := range list {
			value := hex.EncodeToString(e.Value)
			if e.Id.Equal(oidSAN) || e.Id.Equal(oidExtKeyUsage) || e.Id.Equal(oidConstraints) {
				value = strings.Join(members(e.Value, e.Id.Equal(oidConstraints)), " ")
			}
			all = append(all, fmt.Sprint(e.Id, e.Critical, value))
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(text(a), text(b))
}

// members returns what a sequence holds, sorted and each once; deep: what the sequences in it hold.
func members(der []byte, deep bool) []string {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return []string{hex.EncodeToString(der)}
	}
	var each []string
	for rest := outer.Bytes; len(rest) > 0; {
		var item asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &item); err != nil {
			return []string{hex.EncodeToString(der)}
		}
		if !deep {
			each = append(each, hex.EncodeToString(item.FullBytes))
			continue
		}
		for _, m := range members(item.FullBytes, false) {
			each = append(each, fmt.Sprint(item.Tag, "=", m))
		}
	}
	slices.Sort(each)
	return slices.Compact(each)
}
