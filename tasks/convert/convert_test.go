package convert

import "testing"

// A YAML integer as a mode has been read as octal if it had a leading zero and as decimal if it had not.
func TestModeRefusesLostZero(t *testing.T) {
	for _, v := range []int{
		0o644, 0o755, 0o600, 0o640, 0o700, 0o750, 0o660, 0o664, 0o775, 0o777, 0o400, 0o440, 0o444, 0o1777, 0o2755,
		0o2770, 0o4755, 0o500, 0o550, 0o711,
	} {
		if _, err := Mode(v); err != nil {
			t.Errorf("%04o refused: %v", v, err)
		}
	}
	for _, v := range []int{644, 755, 600, 640, 700, 750, 660, 664, 775, 777, 400, 440, 444, 1777, 2755, 2770, 500, 550, 555, 711} {
		if s, err := Mode(v); err == nil {
			t.Errorf("%d, written without its zero, became %s", v, s)
		}
	}
}

func TestTextOfNumbersIsPythons(t *testing.T) {
	for v, want := range map[float64]string{1: "1.0", 1.25: "1.25", 1e21: "1e+21", 1000000: "1000000.0", 1234567.5: "1234567.5",
		0.00001: "1e-05", 1e16: "1e+16"} {
		if got, _ := Text(v); got != want {
			t.Errorf("%v became %q, want %q", v, got, want)
		}
	}
}
