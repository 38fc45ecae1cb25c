package convert

import (
	"encoding/json"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

func TestNumbersKeepTheirDigits(t *testing.T) {
	value, err := ordered.DecodeJSON([]byte(`{"a": [18446744073709551616, 7, -1.5], "b": {"c": 9223372036854775807}}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":[18446744073709551616,7,-1.5],"b":{"c":9223372036854775807}}`
	got, err := json.Marshal(Numbers(value))
	if err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}
