package inventory

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	secret := `p@ss"w'o\rd $1`
	var s Secrets
	s.Add(secret)
	s.Add("tiny")
	s.Add("abc")
	s.Add("abcdef")
	s.Add("defghi")
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		secret, string(quoted), strconv.Quote(secret), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("user:" + secret)), base64.StdEncoding.EncodeToString([]byte("u:" + secret + "\n")),
		"'" + strings.ReplaceAll(secret, "'", `'\''`) + "'", "'" + strings.ReplaceAll(secret, "'", `'"'"'`) + "'",
		"'" + strings.ReplaceAll(secret, "'", "''") + "'",
	} {
		masked := s.Mask("before " + form + " after")
		if !strings.Contains(masked, mask) || !strings.HasPrefix(masked, "before ") || !strings.HasSuffix(masked, " after") ||
			strings.Contains(masked, "p@ss") {
			t.Errorf("%s -> %s", form, masked)
		}
	}
	for text, want := range map[string]string{
		"abc": "abc", "tiny": mask, "xabcdefghix": "x" + mask + "x", "abcdefabcdef!": mask + mask + "!", "": "",
		"abcde": "abcde", "tinytiny": mask + mask,
	} {
		if got := s.Mask(text); got != want {
			t.Errorf("%q -> %q, want %q", text, got, want)
		}
	}
	var key Secrets
	key.Add("-----BEGIN KEY-----\nMIIEpAIBAAKC\nshort\n-----END KEY-----\n")
	if got := key.Mask("+ MIIEpAIBAAKC\n"); got != "+ "+mask+"\n" {
		t.Errorf("a line of a key: %q", got)
	}
}

func TestMaskingWriter(t *testing.T) {
	var s Secrets
	s.Add("hunter22")
	text := "the password hunter22 and hunter2 and hunter22hunter22."
	for size := 1; size < len(text); size++ {
		var out bytes.Buffer
		w := s.Writer(&out)
		for at := 0; at < len(text); at += size {
			if _, err := w.Write([]byte(text[at:min(at+size, len(text))])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != s.Mask(text) {
			t.Errorf("in pieces of %d: %q", size, out.String())
		}
	}
	var out bytes.Buffer
	w := s.Writer(&out)
	if _, err := w.Write([]byte("progress: h")); err != nil || out.String() != "progress: " {
		t.Errorf("only what may be a secret is held back: %q %v", out.String(), err)
	}
}

// FuzzMask holds that no secret is left in what comes out, and that pieces give the same as the whole.
func FuzzMask(f *testing.F) {
	f.Add("secret", "cretin", "a secretin b", 3)
	f.Add("aaaa", "aaaaaa", "aaaaaaaaaaaaaaab", 1)
	f.Add("a'b\"c\\d", "x y z", "a'b\"c\\d x y z", 5)
	f.Fuzz(func(t *testing.T, one, two, text string, size int) {
		var s Secrets
		s.Add(one)
		s.Add(two)
		masked := s.Mask(text)
		for _, secret := range []string{one, two} {
			secret = strings.TrimSpace(secret)
			// A secret may be a part of the stars, or be made by what stands around them.
			if len(secret) >= MinimumSecret && !strings.Contains(secret, "*") && strings.Contains(masked, secret) {
				t.Errorf("%q is still in %q", secret, masked)
			}
		}
		if size < 1 || size > 100 {
			size = 1
		}
		var out bytes.Buffer
		w := s.Writer(&out)
		for at := 0; at < len(text); at += size {
			if _, err := w.Write([]byte(text[at:min(at+size, len(text))])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != masked {
			t.Errorf("whole %q, in pieces of %d %q", masked, size, out.String())
		}
	})
}
