package crypto

import (
	"fmt"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

// TestNames reads names of parts and uses that are rarer, and numbers in their place.
func TestNames(t *testing.T) {
	dict := ordered.New(0)
	for _, key := range []string{"description", "2.5.4.13", "jurisdictionC", "dnQualifier", "organizationIdentifier", "CN"} {
		dict.Set(key, "DE")
	}
	parts, err := partsOf(dict)
	if got := fmt.Sprint(parts); err != nil ||
		got != "[{[2 5 4 13] DE description} {[2 5 4 13] DE 2.5.4.13} {[1 3 6 1 4 1 311 60 2 1 3] DE jurisdictionC} {[2 5 4 46] DE dnQualifier}"+
			" {[2 5 4 97] DE organizationIdentifier} {[2 5 4 3] DE CN}]" {
		t.Errorf("%s, %v", got, err)
	}
	raw, err := rawName(parts[2:4])
	if got := fmt.Sprintf("%x", raw); err != nil || got != "302231133011060b2b0601040182373c02010313024445310b3009060355042e13024445" {
		t.Errorf("%s, %v", got, err)
	}
	short, errShort := extendedKeyUsage([]string{"msCodeInd", "1.2.3"})
	long, errLong := extendedKeyUsage([]string{"Microsoft Individual Code Signing", "1.2.3"})
	if errShort != nil || errLong != nil || string(short) != string(long) {
		t.Errorf("%x, %x, %v, %v", short, long, errShort, errLong)
	}
	for _, bad := range [][]string{{"pathlen:1"}, {"CA:FALSE", "pathlen:1"}} {
		if _, err := basic(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
