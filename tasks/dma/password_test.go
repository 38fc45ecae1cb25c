package dma

import (
	"strings"
	"testing"
)

func TestSASLprep(t *testing.T) {
	for in, want := range map[string]string{
		"plain \t\x07":       "plain \t\x07", // ASCII is taken as it is
		"I\u00adX":           "IX",           // mapped to nothing
		"\u00aa":             "a",
		"\u2168":             "IX",
		"a\u3000b\u00a0c":    "a b c",
		"１２３ｐｗ":              "123pw",
		"e\u0301":            "é",
		"\u0627\u0031":       "\u0627\u0031", // right to left, and does not end so
		"\u0627x":            "\u0627x",
		"\u0627\u0628":       "\u0627\u0628",
		"\u00ad":             "\u00ad",        // nothing would be left
		"e\u0301\u0221":      "e\u0301\u0221", // unassigned in Unicode 3.2: not normalised either
		"ü\x7f":              "ü\x7f",
		"bad utf-8 \xff\xfe": "bad utf-8 \xff\xfe",
		"密码🔑":                "密码🔑",
	} {
		if got := SASLprep(in); got != want {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
}

func TestPasswordHash(t *testing.T) {
	for _, password := range []string{"secret", `a'b\c"d$e%f g:h#é`, strings.Repeat("ü", 100), "\u2168"} {
		for _, encryption := range []string{SCRAM, MD5} {
			stored, err := PasswordHash(encryption, "role", password)
			if err != nil || PasswordEncryption(stored) != encryption {
				t.Fatalf("%s of %q: %q, %v", encryption, password, stored, err)
			}
			if !PasswordFits(stored, "role", password) || PasswordFits(stored, "role", password+"x") {
				t.Errorf("%q does not tell its password from another", stored)
			}
		}
	}
	// select 'md5' || md5('secret' || 'replicator') on the engine.
	if !PasswordFits("md57588ba3be47ee11b6e10d90b0641d7da", "replicator", "secret") {
		t.Error("the engine's md5 hash does not fit")
	}
	one, _ := PasswordHash(SCRAM, "r", "same")
	two, _ := PasswordHash(SCRAM, "r", "same")
	if one == two {
		t.Error("two verifiers have one salt")
	}
	for _, broken := range []string{"", "md5", "SCRAM-SHA-256$", "SCRAM-SHA-256$x:y$z:w", "SCRAM-SHA-256$99999999999:AAAA$z:w", "clear"} {
		if PasswordFits(broken, "r", "clear") {
			t.Errorf("%q fits", broken)
		}
	}
}
