package crypto

import (
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestCSR(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		key, path := filepath.Join(dir, "a.key"), filepath.Join(dir, "a.csr")
		args := map[string]any{
			"path": path, "privatekey_path": key, "common_name": "db.example.com", "C": "DE", "O": "Örtlich & Söhne", "email_address": "a@example.com",
			"subject_alt_name": []any{"DNS:db.example.com", "IP:10.0.0.1", "IP:fe80::1", "email:a@b.example", "URI:https://x.example/", "RID:1.2.3.4"},
			"key_usage":        []any{"digitalSignature", "keyCertSign", "decipherOnly"}, "key_usage_critical": true,
			"extended_key_usage": []any{"serverAuth", "1.3.6.1.4.1.311.10.3.4"}, "basic_constraints": []any{"CA:TRUE", "pathlen:0"},
			"basic_constraints_critical": true, "ocsp_must_staple": true, "create_subject_key_identifier": true,
		}
		refused(t, h, "openssl_csr", args, "does not exist")
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": key, "type": "ECC", "curve": "secp256r1"}, &taskstest.FakeLocal{})
		p, _ := twice(t, h, "openssl_csr", args)
		if p.Values["filename"] != path && p.Made["filename"] != path {
			t.Errorf("%v", p.Values)
		}
		out := openssl(t, "req -verify -noout -text -nameopt utf8,sep_comma_plus -in "+path+" 2>&1")
		for _, want := range []string{
			"CN=db.example.com", "O=Örtlich & Söhne", "DNS:db.example.com, IP Address:10.0.0.1, IP Address:FE80:0:0:0:0:0:0:1, email:a@b.example, URI:https://x.example/, Registered ID:1.2.3.4",
			"Digital Signature, Certificate Sign, Decipher Only", "CA:TRUE, pathlen:0", "status_request", "Subject Key Identifier", "TLS Web Server Authentication",
		} {
			if out != "none\n" && !strings.Contains(out, want) {
				t.Errorf("no %q in %s", want, out)
			}
		}
		// The order of names does not matter, another name does.
		taskstest.MustNotChange(t, h, "openssl_csr", with(args, "extended_key_usage", []any{"1.3.6.1.4.1.311.10.3.4", "serverAuth"}),
			&taskstest.FakeLocal{})
		for _, other := range []map[string]any{
			with(args, "common_name", "other"), with(args, "subject_alt_name", []any{"DNS:other"}), with(args, "key_usage_critical", false),
			with(args, "ocsp_must_staple", false), with(args, "subject_key_identifier", "00:11:22", "create_subject_key_identifier", false),
		} {
			twice(t, h, "openssl_csr", other)
		}
		// Those of OpenSSL are known again.
		theirs := filepath.Join(dir, "theirs.csr")
		if openssl(t, "req -new -key "+key+" -subj /C=DE/CN=x -addext subjectAltName=DNS:x,IP:10.0.0.2 -addext keyUsage=critical,digitalSignature -out "+theirs) != "none\n" {
			taskstest.MustNotChange(t, h, "openssl_csr", map[string]any{"path": theirs, "privatekey_path": key,
				"subject":          map[string]any{"CN": "x", "C": "DE"},
				"subject_alt_name": []any{"IP:10.0.0.2", "DNS:x"}, "key_usage": []any{"Digital Signature"}, "key_usage_critical": true}, &taskstest.FakeLocal{})
		}
		twice(t, h, "openssl_csr", map[string]any{"path": path, "state": "absent"})
		least := map[string]any{"path": path, "privatekey_path": key}
		for text, bad := range map[string]map[string]any{
			"does not say what": {"subject_alt_name": []any{"db.example.com"}}, "no address": {"subject_alt_name": []any{"IP:10.0.0.256"}},
			"not known here": {"subject_alt_name": []any{"dirName:x"}}, "no use of a key": {"key_usage": []any{"fly"}}, "CA:TRUE": {"basic_constraints": []any{"CA:MAYBE"}},
			"exclude each other": {"subject_ordered": []any{map[string]any{"CN": "a"}}, "common_name": "b"}, "no part of a name": {"subject": map[string]any{"XX": "a"}},
			"two letters": {"C": "Germany"}, "no network": {"name_constraints_permitted": []any{"IP:10.0.0.1/8"}}, "need each other": {"authority_cert_issuer": []any{"DNS:x"}},
			"relative_name": {"crl_distribution_points": []any{map[string]any{"relative_name": []any{"/CN=x"}}}},
			"the reason":    {"crl_distribution_points": []any{map[string]any{"full_name": []any{"URI:http://x"}, "reasons": []any{"boredom"}}}}, "hexadecimal": {"subject_key_identifier": "xyz"},
		} {
			refused(t, h, "openssl_csr", with(least, pairs(bad)...), text)
		}
	})
}

// TestCSROfCA has what is about authorities, and how the name and the rest are returned.
func TestCSROfCA(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		path, key := filepath.Join(dir, "ca.csr"), filepath.Join(dir, "ca.key")
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": key, "type": "ECC", "curve": "secp256r1"}, l)
		serial, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
		args := map[string]any{
			"path": path, "privatekey_path": key, "O": "x", "emailAddress": "a@example.com", "subject": map[string]any{"commonName": []any{"one", "two"}},
			"name_constraints_permitted": []any{"DNS:example.com", "IP:10.0.0.0/8", "IP:fd00::/8"}, "name_constraints_excluded": []any{"email:.example.org"},
			"name_constraints_critical": true, "authority_key_identifier": "00:11:22", "authority_cert_issuer": []any{"DNS:ca.example.com"},
			"authority_cert_serial_number": serial, "crl_distribution_points": []any{
				map[string]any{"full_name": []any{"URI:http://ca.example.com/a.crl"}, "reasons": []any{"key_compromise", "aa_compromise"}},
				map[string]any{"crl_issuer": []any{"DNS:other.example.com"}},
			},
		}
		p, _ := twice(t, h, "openssl_csr", args)
		for name, want := range map[string]string{
			"subject": "[[O x] [emailAddress a@example.com] [commonName one] [commonName two]]", "subjectAltName": "[DNS:one]", "ocspMustStaple": "false",
			"ocsp_must_staple": "false", "name_constraints_excluded": "[email:.example.org]", "privatekey": key,
		} {
			if got := fmt.Sprint(p.Made[name]); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		out := openssl(t, "req -verify -noout -text -in "+path+" 2>&1")
		for _, want := range []string{
			"Name Constraints: critical", "DNS:example.com", "IP:10.0.0.0/255.0.0.0", "IP:FD00:0:0:0:0:0:0:0/FF00:0:0:0:0:0:0:0", "email:.example.org", "00:11:22",
			"DNS:ca.example.com", "serial:01:8E:E9:0F:F6:C3:73:E0:EE:4E:3F:0A:D2", "URI:http://ca.example.com/a.crl", "Key Compromise, AA Compromise", "DNS:other.example.com",
		} {
			if out != "none\n" && !strings.Contains(out, want) {
				t.Errorf("no %q in %s", want, out)
			}
		}
		taskstest.MustNotChange(t, h, "openssl_csr", with(args, "name_constraints_permitted",
			[]any{"IP:fd00::/8", "DNS:example.com", "IP:10.0.0.0/8"}), l)
		for _, other := range []map[string]any{
			with(args, "name_constraints_critical", false), with(args, "name_constraints_permitted", args["name_constraints_excluded"],
				"name_constraints_excluded", args["name_constraints_permitted"]),
			with(args, "authority_cert_serial_number", 5), with(args, "authority_key_identifier", "00:11:23"),
			with(args, "crl_distribution_points", []any{}),
		} {
			twice(t, h, "openssl_csr", other)
		}
		// Only subject_ordered is about the order.
		named := map[string]any{"path": path, "privatekey_path": key}
		twice(t, h, "openssl_csr", with(named, "subject_ordered", []any{map[string]any{"O": "x"}, map[string]any{"CN": "y"}}))
		taskstest.MustNotChange(t, h, "openssl_csr", with(named, "subject", map[string]any{"CN": "y", "O": "x"}), l)
		twice(t, h, "openssl_csr", with(named, "subject_ordered", []any{map[string]any{"CN": "y"}, map[string]any{"O": "x"}}))
		v := taskstest.MustNotChange(t, h, "openssl_csr", map[string]any{"path": path, "privatekey_content": taskstest.Read(t, key), "CN": "y",
			"O": "x"}, l).Values
		if v["privatekey"] != nil {
			t.Errorf("%v", v)
		}
		// What a request has besides is nobody's business.
		theirs := filepath.Join(dir, "theirs.csr")
		if openssl(t, "req -new -key "+key+" -subj /CN=x -addext 1.2.3.4=DER:0500 -addext subjectAltName=DNS:x -out "+theirs) != "none\n" {
			taskstest.MustNotChange(t, h, "openssl_csr", map[string]any{"path": theirs, "privatekey_path": key, "CN": "x"}, l)
		}
	})
}

func pairs(m map[string]any) []any {
	var list []any
	for k, v := range m {
		list = append(list, k, v)
	}
	return list
}
