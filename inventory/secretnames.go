package inventory

import (
	"regexp"
	"strings"
)

// SecretName reports whether by its name a variable's value must never be shown, nor what is in it when it is a list or a
// dict: db_password, API_KEY, adminPass, list_passwords, password_old, token2.
func SecretName(name string) bool {
	if name == "getent_passwd" { // the accounts of a host, as the module getent has it
		return false
	}
	name = camel.ReplaceAllString(name, "${1}_$2")
	name = strings.ToLower(strings.NewReplacer("-", "_", ".", "_").Replace(name))
	name = strings.TrimRight(name, "_0123456789")
	for _, end := range []string{"_old", "_new", "_current", "_previous"} {
		name = strings.TrimSuffix(name, end)
	}
	for _, end := range []string{"password", "passwords", "passwd", "secret", "secrets", "token", "passphrase", "passphrases"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	for _, end := range []string{
		"pass", "pwd", "pw", "apikey", "api_key", "apikeys", "api_keys", "access_key", "private_key", "private_keys",
		"credential", "credentials", "creds",
	} {
		if name == end || strings.HasSuffix(name, "_"+end) {
			return true
		}
	}
	return false
}

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// SecretValue reports whether a value of a variable with such a name is one to hide. Where a name may as well be a place
// (pwd, private_key), a path is none, and words that are settings are never: masking every "yes" would say more than
// it hides.
func SecretValue(name, value string) bool {
	switch strings.ToLower(value) {
	case "", "yes", "no", "true", "false", "none", "null", "always", "on_create", "0", "1":
		return false
	}
	lower := strings.ToLower(name)
	for _, end := range []string{"pwd", "key", "credentials", "creds"} {
		if strings.HasSuffix(lower, end) {
			return !path.MatchString(value)
		}
	}
	return true
}

// AboutTask reports whether what stands under a name in a mapping, of which has knows the names, is a value of a task's result that says
// how the task went and to what, not what it brought: "register: token" does not make secrets of the words of its command.
func AboutTask(has func(name string) bool, name string) bool {
	return aboutTask[name] && has("changed") && has("failed")
}

var aboutTask = map[string]bool{
	"cmd": true, "msg": true, "start": true, "end": true, "delta": true, "rc": true, "attempts": true, "reason": true,
	"path": true, "dest": true, "src": true, "source": true, "encoding": true, "url": true, "status": true,
	"name": true, "owner": true, "group": true, "mode": true, "state": true, "size": true, "uid": true, "gid": true,
	"checksum": true, "md5sum": true, "backup_file": true, "ansible_loop_var": true, "ansible_job_id": true, "results_file": true,
}

var path = regexp.MustCompile(`^(~|\.\.?)?(/[\w.@ -]+)+/?$`)

// MaskNamed hides the values in a text that stand behind a name which says that they are secret, as in a line of a
// playbook or inventory that cannot be read: password: x, "password": "x", password=x.
func MaskNamed(text string) string {
	if !strings.ContainsAny(text, ":=") {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lines[i] = maskLine(line)
	}
	return strings.Join(lines, "")
}

var named = regexp.MustCompile(`[A-Za-z_][\w.-]*["']?\s*[:=]\s*`)

func maskLine(line string) string {
	var b strings.Builder
	for {
		found := named.FindStringIndex(line)
		if found == nil {
			b.WriteString(line)
			return b.String()
		}
		head := line[:found[1]]
		b.WriteString(head)
		line = line[found[1]:]
		assigned := strings.HasSuffix(strings.TrimRight(head, " \t"), "=")
		name := strings.TrimRight(line0(head[found[0]:]), "\"' \t")
		if !SecretName(name) && !nearly(name) {
			continue
		}
		end := valueEnd(line, assigned, strings.ContainsAny(b.String(), "{["))
		value := strings.Trim(line[:end], " \t\"'")
		if onlyTemplate(value) || value == "!vault" || !SecretValue(name, value) {
			continue
		}
		if strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[") { // all that it holds
			end = len(strings.TrimRight(line, "\n"))
		}
		b.WriteString(mask)
		line = line[end:]
	}
}

// onlyTemplate reports whether a value is a template that says where to find a secret, and has no text in it that may be one.
func onlyTemplate(value string) bool {
	inner, ok := strings.CutPrefix(value, "{{")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "}}")
	return ok && !strings.Contains(inner, "}}") && !strings.ContainsAny(looked.ReplaceAllString(inner, ""), `"'`)
}

// looked is where a template looks something up: the name of an environment variable or of a file.
var looked = regexp.MustCompile(`(?:lookup|query|q)\(\s*(?:'[^']*'|"[^"]*")\s*(?:,\s*(?:'[^']*'|"[^"]*")\s*)?`)

// nearly reports whether a name is nearly one of a secret, a misspelt one perhaps: that is what a line with an error has.
func nearly(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"passw", "secret", "pasword", "passphr"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// line0 returns what stands before the colon or equals sign.
func line0(s string) string {
	if at := strings.IndexAny(s, ":="); at >= 0 {
		return s[:at]
	}
	return s
}

// valueEnd returns where a value ends: at its closing quote, at the blank behind key=value, at what ends it within
// braces, or with the line. What cannot be told is taken for a part of it.
func valueEnd(line string, assigned, flow bool) int {
	whole := len(strings.TrimRight(line, "\n"))
	if whole == 0 {
		return 0
	}
	if quote := line[0]; quote == '"' || quote == '\'' {
		for at := 1; at < whole; at++ {
			switch {
			case quote == '"' && line[at] == '\\':
				at++
			case line[at] == quote && at+1 < whole && line[at+1] == quote && quote == '\'':
				at++
			case line[at] == quote:
				return at + 1
			}
		}
		return whole
	}
	if strings.HasPrefix(line, "{{") {
		if end := strings.Index(line[:whole], "}}"); end >= 0 {
			return end + 2
		}
	}
	if assigned {
		if end := strings.IndexAny(line[:whole], " \t"); end >= 0 {
			return end
		}
		return whole
	}
	if flow {
		if end := strings.IndexAny(line[:whole], ",}]"); end >= 0 {
			return end
		}
	}
	return whole
}
