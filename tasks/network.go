package tasks

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
)

// Offline reports whether the site has no network: the variable polarbook_offline, which run --bundle sets.
func Offline(l Local) (bool, error) {
	value, err := l.Eval("polarbook_offline | default(false) | bool")
	if err != nil {
		return false, fmt.Errorf("polarbook_offline: %w", err)
	}
	yes, err := convert.Bool(value)
	if err != nil {
		return false, fmt.Errorf("polarbook_offline: %w", err)
	}
	return yes, nil
}

// NoNetwork is the failure of a task that wants something of a network where there is none.
func NoNetwork(module, what, hint string) *Failure {
	if hint == "" {
		hint = "bring the file along, in the bundle, and have copy or unarchive send it; or leave the task out with when: not polarbook_offline"
	}
	return &Failure{Msg: fmt.Sprintf("%s would %s, and this site has no network (polarbook_offline)", module, what), Hint: hint}
}

var urlBegins = regexp.MustCompile(`^(?i:[a-z][a-z0-9+.-]*)://`)

// FromURL returns what is to be fetched from a URL for Module.Network; "": the value is no URL, or one of the host's own files.
func FromURL(value any) string {
	text, _ := value.(string)
	text = strings.TrimSpace(text)
	if !urlBegins.MatchString(text) || strings.HasPrefix(strings.ToLower(text), "file:") {
		return ""
	}
	return "fetch " + withoutLogin.ReplaceAllString(text, "$1")
}

var withoutLogin = regexp.MustCompile(`^([^/]*//)[^/@]*@`)

// Wanted reads a value of Module.Network as a yes or no; otherwise where it is not given.
func Wanted(value any, otherwise bool) bool {
	yes, err := convert.Bool(value)
	if value == nil || err != nil {
		return otherwise
	}
	return yes
}
