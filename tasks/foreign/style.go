package foreign

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

// style is how a module is given its arguments. The names are Ansible's.
type style string

const (
	wantJSON style = "non_native_want_json" // a file of JSON
	oldStyle style = "old"                  // a file of name=value, quoted for a shell
	binary   style = "binary"               // a file of JSON
	jsonArgs style = "jsonargs"             // JSON in its own text
)

// RefusedError is why a module cannot be run: it is Python that needs Ansible's own modules, for example.
type RefusedError struct {
	Line   int // of the module that shows it; 0: none does
	Reason string
	Hint   string
}

func (e *RefusedError) Error() string { return e.Reason }

// Marks by which Ansible tells the styles apart, looked for in this order.
var (
	replacedByPython     = []byte("#<<INCLUDE_ANSIBLE_MODULE_COMMON>>")
	replacedByPowerShell = []byte("# POWERSHELL_COMMON")
	replacedByArgs       = []byte("<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>")
	wantsJSON            = []byte("WANT_JSON")

	pythonImport = regexp.MustCompile(`from +\.{2,} *module_utils.* +import |` +
		`from +ansible_collections\.[^.]+\.[^.]+\.plugins\.module_utils.* +import |` +
		`import +ansible_collections\.[^.]+\.[^.]+\.plugins\.module_utils|` +
		`from +ansible\.module_utils.* +import |import +ansible\.module_utils\.`)
	powerShell = regexp.MustCompile(`(?i)#Requires -Module|#Requires -Version|#AnsibleRequires -(?:OSVersion|PowerShell|CSharpUtil|Wrapper)`)
)

// read tells what a module is by its content. The error is a *RefusedError.
func read(content []byte) (s style, interpreter []string, err error) {
	refuse := func(at int, reason, hint string) (style, []string, error) {
		return "", nil, &RefusedError{Line: 1 + bytes.Count(content[:at], []byte("\n")), Reason: reason, Hint: hint}
	}
	const instead = "a module that reads WANT_JSON arguments, in any language that the hosts have, is run; so is a script, by the module " +
		"script"
	python := func(at int) (style, []string, error) {
		return refuse(at, "is made of Ansible's own Python (ansible.module_utils), which hosts do not have here", instead)
	}
	if isBinary(content) {
		return binary, nil, nil
	}
	if at := bytes.Index(content, replacedByPython); at >= 0 {
		return python(at)
	}
	if m := pythonImport.FindIndex(content); m != nil {
		return python(m[0])
	}
	if m := powerShell.FindIndex(content); m != nil {
		return refuse(m[0], "is a module for Windows (PowerShell)", "polarbook works on Linux hosts")
	}
	if at := bytes.Index(content, replacedByPowerShell); at >= 0 {
		return refuse(at, "is a module for Windows (PowerShell)", "polarbook works on Linux hosts")
	}
	switch {
	case bytes.Contains(content, replacedByArgs):
		s = jsonArgs
	case bytes.Contains(content, wantsJSON):
		s = wantJSON
	default:
		s = oldStyle
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	line, isLine := strings.CutPrefix(string(first), "#!")
	if !isLine {
		return refuse(0, "does not say what runs it: it has no interpreter line", "begin it with #!/bin/sh or the like")
	}
	interpreter, err = remote.SplitWords(strings.TrimSpace(line))
	if err != nil || len(interpreter) == 0 {
		return refuse(0, fmt.Sprintf("has an interpreter line that cannot be read: %q", first), "begin it with #!/bin/sh or the like")
	}
	return s, interpreter, nil
}

// isBinary looks, as Ansible does, for bytes at the beginning that no text has.
func isBinary(content []byte) bool {
	for _, c := range content[:min(1024, len(content))] {
		text := c >= ' ' && c != 0x7f || c >= '\a' && c <= '\r' && c != '\v' || c == 0x1b
		if !text {
			return true
		}
	}
	return false
}
