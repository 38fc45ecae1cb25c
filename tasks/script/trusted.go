package script

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks/remote"
)

// The exit statuses of Trusted when it does not print the file.
const (
	TrustedAbsent = 66
	TrustedFault  = 67 // stderr says why it is not believed
)

// OnlyTrusted is the beginning of a script that ends with a word unless a directory is one that only root and the account
// that works can write in, and put another in the place of.
func OnlyTrusted(quoted string) string {
	return Preamble + Strangers + "who=$(strangers " + quoted + ")\n[ -z \"$who\" ] || die \"$who: nothing is written there\"\n"
}

// Trusted is a script that prints a file by which something is decided, up to limit bytes. It is not believed when an account
// other than root and the one that reads could have written it, or could put another in its place, or in that of a directory
// on the way.
func Trusted(path string, limit int) string {
	return Preamble + Strangers + fmt.Sprintf(`FILE=%s
[ -e "$FILE" ] || [ -L "$FILE" ] || exit %d
fault() { printf '%%s\n' "$1" >&2; exit %d; }
[ -f "$FILE" ] && [ ! -L "$FILE" ] || fault "$FILE is no regular file"
who=$(strangers "$FILE")
[ -z "$who" ] || fault "$who"
head -c %d <"$FILE"
`, remote.Quote(path), TrustedAbsent, TrustedFault, limit)
}
