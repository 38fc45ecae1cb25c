package crypto

import (
	"crypto"
	"crypto/dsa" //nolint:staticcheck // certificates for such keys are described, and none is made
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// objectNames are the long and the short name that OpenSSL, and Ansible with it, has for parts of names, uses of keys and signatures.
var objectNames = map[string][2]string{
	"2.5.4.3": {"commonName", "CN"}, "2.5.4.4": {"surname", "SN"}, "2.5.4.5": {"serialNumber", "serialNumber"},
	"2.5.4.6": {"countryName", "C"},
	"2.5.4.7": {"localityName", "L"}, "2.5.4.8": {"stateOrProvinceName", "ST"}, "2.5.4.9": {"streetAddress", "street"},
	"2.5.4.10": {"organizationName", "O"}, "2.5.4.11": {"organizationalUnitName", "OU"}, "2.5.4.12": {"title", "title"},
	"2.5.4.13": {"description", "description"}, "2.5.4.15": {"businessCategory", "businessCategory"}, "2.5.4.17": {"postalCode", "postalCode"},
	"2.5.4.41": {"name", "name"}, "2.5.4.42": {"givenName", "GN"}, "2.5.4.43": {"initials", "initials"},
	"2.5.4.44": {"generationQualifier", "generationQualifier"}, "2.5.4.45": {"x500UniqueIdentifier", "x500UniqueIdentifier"},
	"2.5.4.46": {"dnQualifier", "dnQualifier"}, "2.5.4.65": {"pseudonym", "pseudonym"},
	"2.5.4.97":                   {"organizationIdentifier", "organizationIdentifier"},
	"0.9.2342.19200300.100.1.1":  {"userId", "UID"},
	"0.9.2342.19200300.100.1.25": {"domainComponent", "DC"},
	"1.2.840.113549.1.9.1":       {"emailAddress", "emailAddress"},
	"1.2.840.113549.1.9.2":       {"unstructuredName", "unstructuredName"},
	"1.3.6.1.4.1.311.60.2.1.1":   {"jurisdictionLocalityName", "jurisdictionL"},
	"1.3.6.1.4.1.311.60.2.1.2":   {"jurisdictionStateOrProvinceName", "jurisdictionST"},
	"1.3.6.1.4.1.311.60.2.1.3":   {"jurisdictionCountryName", "jurisdictionC"},

	"1.3.6.1.5.5.7.3.1": {"TLS Web Server Authentication", "serverAuth"}, "1.3.6.1.5.5.7.3.2": {"TLS Web Client Authentication", "clientAuth"},
	"1.3.6.1.5.5.7.3.3": {"Code Signing", "codeSigning"}, "1.3.6.1.5.5.7.3.4": {"E-mail Protection", "emailProtection"},
	"1.3.6.1.5.5.7.3.5": {"IPSec End System", "ipsecEndSystem"}, "1.3.6.1.5.5.7.3.6": {"IPSec Tunnel", "ipsecTunnel"},
	"1.3.6.1.5.5.7.3.7": {"IPSec User", "ipsecUser"}, "1.3.6.1.5.5.7.3.8": {"Time Stamping", "timeStamping"},
	"1.3.6.1.5.5.7.3.9": {"OCSP Signing", "OCSPSigning"}, "1.3.6.1.5.5.7.3.17": {"ipsec Internet Key Exchange", "ipsecIKE"},
	"1.3.6.1.5.5.7.3.21": {"SSH Client", "secureShellClient"}, "1.3.6.1.5.5.7.3.22": {"SSH Server", "secureShellServer"},
	"1.3.6.1.5.2.3.4": {"PKINIT Client Auth", "pkInitClientAuth"}, "1.3.6.1.5.2.3.5": {"Signing KDC Response", "pkInitKDC"},
	"1.3.6.1.4.1.311.20.2.2": {"Microsoft Smartcardlogin", "msSmartcardLogin"},
	"1.3.6.1.5.5.7.3.10":     {"dvcs", "DVCS"},
	"1.3.6.1.5.5.7.3.18":     {"Ctrl/provision WAP Access", "capwapAC"}, "1.3.6.1.5.5.7.3.19": {"Ctrl/Provision WAP Termination", "capwapWTP"},
	"1.3.6.1.5.5.7.3.23": {"Send Router", "sendRouter"}, "1.3.6.1.5.5.7.3.24": {"Send Proxied Router", "sendProxiedRouter"},
	"1.3.6.1.5.5.7.3.25": {"Send Owner", "sendOwner"}, "1.3.6.1.5.5.7.3.26": {"Send Proxied Owner", "sendProxiedOwner"},
	"1.3.6.1.5.5.7.3.27": {"CMC Certificate Authority", "cmcCA"}, "1.3.6.1.5.5.7.3.28": {"CMC Registration Authority", "cmcRA"},
	"1.3.6.1.4.1.311.2.1.21": {"Microsoft Individual Code Signing", "msCodeInd"},
	"1.3.6.1.4.1.311.2.1.22": {"Microsoft Commercial Code Signing", "msCodeCom"},
	"1.3.6.1.4.1.311.10.3.1": {"Microsoft Trust List Signing", "msCTLSign"},
	"1.3.6.1.4.1.311.10.3.3": {"Microsoft Server Gated Crypto", "msSGC"},
	"1.3.6.1.4.1.311.10.3.4": {"Microsoft Encrypted File System", "msEFS"}, "2.16.840.1.113730.4.1": {"Netscape Server Gated Crypto", "nsSGC"},
	"2.5.29.37.0": {"Any Extended Key Usage", "anyExtendedKeyUsage"},

	"1.2.840.113549.1.1.4": {"md5WithRSAEncryption", "RSA-MD5"}, "1.2.840.113549.1.1.5": {"sha1WithRSAEncryption", "RSA-SHA1"},
	"1.2.840.113549.1.1.10": {"rsassaPss", "RSASSA-PSS"}, "1.2.840.113549.1.1.11": {"sha256WithRSAEncryption", "RSA-SHA256"},
	"1.2.840.113549.1.1.12": {"sha384WithRSAEncryption", "RSA-SHA384"}, "1.2.840.113549.1.1.13": {"sha512WithRSAEncryption", "RSA-SHA512"},
	"1.2.840.10040.4.3": {"dsaWithSHA1", "DSA-SHA1"}, "2.16.840.1.101.3.4.3.2": {"dsa_with_SHA256", "dsa_with_SHA256"},
	"1.2.840.10045.4.1": {"ecdsa-with-SHA1", "ecdsa-with-SHA1"}, "1.2.840.10045.4.3.2": {"ecdsa-with-SHA256", "ecdsa-with-SHA256"},
	"1.2.840.10045.4.3.3": {"ecdsa-with-SHA384", "ecdsa-with-SHA384"}, "1.2.840.10045.4.3.4": {"ecdsa-with-SHA512", "ecdsa-with-SHA512"},
	"1.3.101.112": {"ED25519", "ED25519"}, "1.3.101.113": {"ED448", "ED448"},
}

// objectNamed returns the object of a long or short name, or of a number. nil: there is none.
func objectNamed(name string) asn1.ObjectIdentifier {
	for number, names := range objectNames {
		if name == names[0] || name == names[1] {
			name = number
			break
		}
	}
	oid, err := objectID(name)
	if err != nil {
		return nil
	}
	return oid
}

// The extensions that are described besides those that are made.
var oidAccess = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}

// objectName returns the long or the short name of an object, or its number.
func objectName(oid asn1.ObjectIdentifier, short bool) string {
	names, known := objectNames[oid.String()]
	switch {
	case !known:
		return oid.String()
	case short:
		return names[1]
	}
	return names[0]
}

// describeName returns a name's parts as a mapping, in which the last of several counts, and as pairs.
func describeName(raw []byte) (dict *ordered.Map, pairs []any) {
	parts := readName(raw)
	dict = ordered.New(len(parts))
	for i, p := range parts {
		parts[i].given = objectName(p.oid, false)
		dict.Set(parts[i].given, p.value)
	}
	return dict, shownName(parts)
}

// describeKey returns the key's type, numbers, PEM and hashes, by the keys of a result. der is the key as SubjectPublicKeyInfo.
func describeKey(public crypto.PublicKey, der []byte) (kind string, data map[string]any, text string) {
	kind, data = "unknown", map[string]any{}
	switch k := public.(type) {
	case *rsa.PublicKey:
		kind, data = "RSA", map[string]any{"size": k.N.BitLen(), "modulus": whole(k.N), "exponent": k.E}
	case *dsa.PublicKey:
		kind = "DSA"
		data = map[string]any{"size": k.P.BitLen(), "p": whole(k.P), "q": whole(k.Q), "g": whole(k.G), "y": whole(k.Y)}
	case *ecdsa.PublicKey:
		kind = "ECC"
		size := k.Curve.Params().BitSize
		data = map[string]any{"curve": fmt.Sprintf("secp%dr1", size), "exponent_size": size}
		if point, err := k.Bytes(); err == nil { // 4, x and y
			half := len(point) / 2
			data["x"], data["y"] = whole(new(big.Int).SetBytes(point[1:half+1])), whole(new(big.Int).SetBytes(point[half+1:]))
		}
	case ed25519.PublicKey:
		kind = "Ed25519"
	case *ecdh.PublicKey:
		kind = "X25519"
	}
	return kind, data, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// extensions are those of a certificate or a request.
type extensions []pkix.Extension

// read decodes an extension into what into points at. It returns whether it is there and can be read, and is critical.
func (all extensions) read(oid asn1.ObjectIdentifier, into any) (there, critical bool) {
	for _, e := range all {
		if e.Id.Equal(oid) {
			_, err := asn1.Unmarshal(e.Value, into)
			return err == nil, e.Critical
		}
	}
	return false, false
}

// usageNames are the bits of keyUsage, as Ansible returns them.
var usageNames = []string{
	"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign",
	"Encipher Only", "Decipher Only",
}

// keyAgreement is the bit without which the last two mean nothing.
const keyAgreement = 4

// describe returns what the extensions say, by the keys of a result; what is not there is none.
func (all extensions) describe() map[string]any {
	v := map[string]any{}
	say := func(name string, value any, there, critical bool) {
		if v[name], v[name+"_critical"] = nil, critical; there {
			v[name] = value
		}
	}
	var bits asn1.BitString
	there, critical := all.read(oidKeyUsage, &bits)
	var uses []string
	for bit, name := range usageNames {
		if bits.At(bit) == 1 && (bit < 7 || bits.At(keyAgreement) == 1) {
			uses = append(uses, name)
		}
	}
	say("key_usage", sorted(uses), there, critical)

	var oids []asn1.ObjectIdentifier
	there, critical = all.read(oidExtKeyUsage, &oids)
	uses = nil
	for _, oid := range oids {
		uses = append(uses, objectName(oid, false))
	}
	say("extended_key_usage", sorted(uses), there, critical)

	b := basicConstraints{MaxLen: -1}
	there, critical = all.read(oidBasic, &b)
	limits := []any{"CA:" + strings.ToUpper(fmt.Sprint(b.IsCA))}
	if b.MaxLen >= 0 {
		limits = append(limits, fmt.Sprintf("pathlen:%d", b.MaxLen))
	}
	say("basic_constraints", limits, there, critical)

	const statusRequest = 5
	var features []int
	there, critical = all.read(oidMustStaple, &features)
	say("ocsp_must_staple", slices.Contains(features, statusRequest), there, critical)

	var names []asn1.RawValue
	there, critical = all.read(oidSAN, &names)
	say("subject_alt_name", describeNames(names), there, critical)

	v["subject_key_identifier"] = nil
	var id []byte
	if there, _ = all.read(oidSKI, &id); there {
		v["subject_key_identifier"] = colons(id)
	}
	var authority struct {
		ID     []byte          `asn1:"optional,tag:0"`
		Names  []asn1.RawValue `asn1:"optional,tag:1"`
		Serial *big.Int        `asn1:"optional,tag:2"`
	}
	all.read(oidAKI, &authority)
	v["authority_key_identifier"], v["authority_cert_issuer"], v["authority_cert_serial_number"] = nil, nil, nil
	if authority.ID != nil {
		v["authority_key_identifier"] = colons(authority.ID)
	}
	if authority.Names != nil {
		v["authority_cert_issuer"] = describeNames(authority.Names)
	}
	if authority.Serial != nil {
		v["authority_cert_serial_number"] = whole(authority.Serial)
	}
	each := ordered.New(len(all))
	for _, e := range all {
		each.Set(e.Id.String(), map[string]any{"critical": e.Critical, "value": base64.StdEncoding.EncodeToString(e.Value)})
	}
	v["extensions_by_oid"] = each
	return v
}

// limits returns the names to which a CA is limited, and those that it is kept from; nil where it is not limited.
func (all extensions) limits() (permitted, excluded any, critical bool) {
	type subtree struct{ Base asn1.RawValue }
	var c struct {
		Permitted []subtree `asn1:"optional,tag:0"`
		Excluded  []subtree `asn1:"optional,tag:1"`
	}
	there, critical := all.read(oidConstraints, &c)
	if !there {
		return nil, nil, critical
	}
	list := func(trees []subtree) any {
		var names []asn1.RawValue
		for _, t := range trees {
			names = append(names, t.Base)
		}
		return describeNames(names)
	}
	return list(c.Permitted), list(c.Excluded), critical
}

// access returns the first address of a kind in the extension that says where an issuer is asked: the last number of the kind.
func (all extensions) access(kind int) any {
	var list []struct {
		Method   asn1.ObjectIdentifier
		Location asn1.RawValue
	}
	all.read(oidAccess, &list)
	for _, a := range list {
		if a.Method.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, kind}) && a.Location.Tag == tagURI {
			return string(a.Location.Bytes)
		}
	}
	return nil
}

// What the numbers of extensions.access mean.
const (
	accessOCSP   = 1
	accessIssuer = 2
)

func sorted(names []string) []any {
	slices.Sort(names)
	list := make([]any, len(names))
	for i, n := range names {
		list[i] = n
	}
	return list
}

// colons writes bytes as hexadecimal digits with colons between them.
func colons(bytes []byte) string {
	pairs := make([]string, len(bytes))
	for i := range bytes {
		pairs[i] = hex.EncodeToString(bytes[i : i+1])
	}
	return strings.Join(pairs, ":")
}

func describeNames(names []asn1.RawValue) []any {
	list := make([]any, len(names))
	for i, n := range names {
		list[i] = describeGeneral(n)
	}
	return list
}

// Tags of names that are described, and not made.
const (
	tagOther     = 0
	tagDirectory = 4
)

// describeGeneral writes a name as subject_alt_name has it.
func describeGeneral(v asn1.RawValue) string {
	switch v.Tag {
	case tagDNS:
		return "DNS:" + string(v.Bytes)
	case tagEmail:
		return "email:" + string(v.Bytes)
	case tagURI:
		return "URI:" + string(v.Bytes)
	case tagIP:
		if n := len(v.Bytes); n == 2*net.IPv4len || n == 2*net.IPv6len {
			ones, _ := net.IPMask(v.Bytes[n/2:]).Size()
			return fmt.Sprintf("IP:%s/%d", net.IP(v.Bytes[:n/2]), ones)
		}
		return "IP:" + net.IP(v.Bytes).String()
	case tagRID:
		var oid asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(append([]byte{asn1.TagOID, byte(len(v.Bytes))}, v.Bytes...), &oid); err == nil {
			return "RID:" + oid.String()
		}
	case tagDirectory:
		parts := readName(v.Bytes)
		var texts []string
		for _, p := range slices.Backward(parts) {
			texts = append(texts, objectName(p.oid, true)+"="+escaped(p.value))
		}
		return "dirName:" + strings.Join(texts, ",")
	case tagOther:
		var oid asn1.ObjectIdentifier
		var value asn1.RawValue
		if rest, err := asn1.Unmarshal(v.Bytes, &oid); err == nil {
			if _, err := asn1.Unmarshal(rest, &value); err == nil {
				return "otherName:" + oid.String() + ";" + colons(value.Bytes)
			}
		}
	}
	return fmt.Sprintf("unknown:%d:%s", v.Tag, colons(v.Bytes))
}

// escaped writes a value of a name as RFC 4514 has it.
func escaped(value string) string {
	value = strings.NewReplacer(`\`, `\\`, ",", `\,`, "+", `\+`, "<", `\<`, ">", `\>`, ";", `\;`, `"`, `\"`, "\x00", `\00`).Replace(value)
	if strings.HasPrefix(value, " ") || strings.HasPrefix(value, "#") {
		value = `\` + value
	}
	if text, blank := strings.CutSuffix(value, " "); blank {
		value = text + `\ `
	}
	return value
}
