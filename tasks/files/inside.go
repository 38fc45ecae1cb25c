package files

import (
	"strings"

	"github.com/polarbook/polarbook/tasks/script"
)

// FollowNote is what modules say that work on files.
const FollowNote = "Links in the path, and one at its end with follow, are followed where only root or the account that works could have put them there. One that another account made or could replace is refused, unless it leads to what belongs to that same account."

// At begins a script that works on one path: in the path's directory, with its name in "$b" and its whole in "$p".
func At(word string, follow bool) string {
	how := ""
	if follow {
		how = " follow"
	}
	return script.Preamble + script.Inside + "p=" + word + "\nspot \"$p\"" + how + " || die \"the directory of $p does not exist: create it with the file module first\"\n"
}

// OnIt is a script that gives what is at a path attributes, working from its directory.
func OnIt(word string, follow bool, set func(word string) string, link func(word string) string) string {
	var b strings.Builder
	b.WriteString(At(word, follow))
	b.WriteString("if [ -L \"./$b\" ]; then\n:\n" + link(`"./$b"`) + "elif [ -d \"./$b\" ]; then enter \"$b\"\n" + set(".") + "elif [ -f \"./$b\" ]; then hold \"$b\"\n" + set("$held") +
		"else [ -z \"$(whose \"$here\" \"${here%/}/$b\")\" ] || die \"$p is neither a file nor a directory, and others than root can replace it\"\n" + set(`"./$b"`) + "fi\n")
	return b.String()
}
