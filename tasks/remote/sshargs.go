package remote

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SSHOptions are what the arguments of ssh's command line say. As ssh has it, the first value of an option counts, but for
// IdentityFile, of which all count. The zero value says nothing.
type SSHOptions struct {
	values []sshValue
	file   string // -F
}

// sshValue is one option with its arguments. The key is in lower case and OpenSSH's name of today.
type sshValue struct {
	key  string
	args []string
}

// ParseSSHArgs reads arguments as they would stand on ssh's command line before the name of the host, quoted as a shell has it.
// What polarbook has no part of is accepted where it changes nothing of what a host becomes; an option that would, and that
// polarbook does not have, is an error that names it.
func ParseSSHArgs(text string) (SSHOptions, error) {
	words, err := SplitWords(text)
	if err != nil {
		return SSHOptions{}, err
	}
	o, rest, err := parseSSHWords(words)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q is not an option: arguments of ssh begin with a dash, those of one option may have to be quoted", rest[0])
	}
	return o, err
}

// With returns these options and after them others, which lose against these.
func (o SSHOptions) With(others SSHOptions) SSHOptions {
	return SSHOptions{values: slices.Concat(o.values, others.values), file: cmp.Or(o.file, others.file)}
}

// get returns the first value of an option.
func (o SSHOptions) get(key string) ([]string, bool) {
	for _, v := range o.values {
		if v.key == key {
			return v.args, true
		}
	}
	return nil, false
}

// all returns every value of an option.
func (o SSHOptions) all(key string) []string {
	var all []string
	for _, v := range o.values {
		if v.key == key {
			all = append(all, v.args...)
		}
	}
	return all
}

// flagOption are the flags of ssh that are short for an option: with an argument where the value is "".
var flagOption = map[byte]struct{ key, value string }{
	'i': {"identityfile", ""}, 'p': {"port", ""}, 'l': {"user", ""}, 'J': {"proxyjump", ""}, 'c': {"ciphers", ""},
	'm': {"macs", ""}, 'b': {"bindaddress", ""}, 'S': {"controlpath", ""},
	'4': {"addressfamily", "inet"}, '6': {"addressfamily", "inet6"}, 'A': {"forwardagent", "yes"}, 'a': {"forwardagent", "no"},
	'C': {"compression", "yes"}, 'q': {"loglevel", "quiet"}, 'v': {"loglevel", "debug"}, 'M': {"controlmaster", "yes"},
	'k': {"gssapidelegatecredentials", "no"},
}

// flagsWithoutEffect say what ssh does with its own terminal and input, which polarbook does not give away.
const flagsWithoutEffect = "tTnxXYy"

// refusedFlags are those that polarbook has nothing of; their argument, if they have one, follows.
const refusedFlags, refusedFlagsWithArgument = "fgGKNsV", "BDEeILOPQRwW"

// parseSSHWords reads options as getopt does for ssh, which also takes those after the host. rest is what is no option.
func parseSSHWords(words []string) (o SSHOptions, rest []string, err error) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if len(w) < 2 || w[0] != '-' {
			rest = append(rest, w)
			if len(rest) > 1 { // behind the host is the command
				return o, append(rest, words[i+1:]...), nil
			}
			continue
		}
		if w == "--" {
			return o, append(rest, words[i+1:]...), nil
		}
		for at := 1; at < len(w); at++ {
			flag := w[at]
			short, known := flagOption[flag]
			takes := flag == 'o' || flag == 'F' || known && short.value == "" || strings.IndexByte(refusedFlagsWithArgument, flag) >= 0
			argument := ""
			if takes {
				if argument = w[at+1:]; argument == "" {
					if i++; i >= len(words) {
						return o, rest, fmt.Errorf("-%c wants an argument", flag)
					}
					argument = words[i]
				}
				at = len(w)
			}
			switch {
			case flag == 'o':
				err = o.add(argument)
			case flag == 'F':
				o.file = cmp.Or(o.file, argument)
			case known:
				err = o.set(short.key, []string{cmp.Or(short.value, argument)}, "-"+string(flag))
			case flag == 'W':
				o.values = append(o.values, sshValue{"-W", []string{argument}})
			case strings.IndexByte(flagsWithoutEffect, flag) >= 0:
			case strings.IndexByte(refusedFlags+refusedFlagsWithArgument, flag) >= 0:
				err = fmt.Errorf("ssh's -%c is not implemented by polarbook, which is its own ssh", flag)
			default:
				err = fmt.Errorf("ssh has no option -%c", flag)
			}
			if err != nil {
				return o, rest, err
			}
		}
	}
	return o, rest, nil
}

// add takes what stands behind -o: a line of ssh_config(5).
func (o *SSHOptions) add(line string) error {
	line = strings.TrimLeft(line, " \t")
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		end = len(line)
	}
	key, value := line[:end], strings.TrimLeft(line[end:], " \t")
	value = strings.Trim(strings.TrimPrefix(value, "="), " \t")
	if key == "" || value == "" {
		return fmt.Errorf("-o %s: write -o KEY=VALUE", line)
	}
	switch strings.ToLower(key) {
	case "proxycommand", "localcommand", "remotecommand", "knownhostscommand":
		return o.set(key, []string{value}, "-o "+key)
	}
	args, err := configWords(value)
	if err != nil {
		return fmt.Errorf("-o %s: %w", key, err)
	}
	return o.set(key, args, "-o "+key)
}

// configWords takes the arguments of a line of ssh_config apart, which may stand in quotes.
func configWords(text string) ([]string, error) {
	var words []string
	for text = strings.TrimLeft(text, " \t"); text != "" && text[0] != '#'; text = strings.TrimLeft(text, " \t") {
		var word strings.Builder
		quote := byte(0)
		at := 0
		for ; at < len(text); at++ {
			c := text[at]
			switch {
			case c == '\\' && at+1 < len(text) && strings.IndexByte(`"'\`, text[at+1]) >= 0:
				at++
				word.WriteByte(text[at])
				continue
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
				continue
			case quote != 0 && c == quote:
				quote = 0
				continue
			}
			if quote == 0 && (c == ' ' || c == '\t') {
				break
			}
			word.WriteByte(c)
		}
		if quote != 0 {
			return nil, errors.New("a quote is not closed")
		}
		words = append(words, word.String())
		text = text[at:]
	}
	if len(words) == 0 {
		return nil, errors.New("it has no value")
	}
	return words, nil
}

// set checks one option and keeps it.
func (o *SSHOptions) set(key string, args []string, shown string) error {
	name := strings.ToLower(key)
	if alias, ok := sshAliases[name]; ok {
		name = alias
	}
	kind, known := sshOptionKinds[name]
	if !known {
		if why, refused := refusedSSHOptions[name]; refused {
			return fmt.Errorf("%s: the option %s of ssh is not implemented by polarbook, which is its own ssh%s", shown, key, why)
		}
		return fmt.Errorf("%s: ssh has no option %s", shown, key)
	}
	if kind != manyWords && len(args) > 1 {
		return fmt.Errorf("%s: more than one value: %s", shown, strings.Join(args, " "))
	}
	if err := kind.check(name, args[0]); err != nil {
		return fmt.Errorf("%s: %w", shown, err)
	}
	o.values = append(o.values, sshValue{name, args})
	return nil
}

// check refuses values that ssh would refuse, and those that polarbook cannot do.
func (k sshOptionKind) check(name, value string) error {
	oneOf := func(values ...string) error {
		if !slices.Contains(values, strings.ToLower(value)) {
			return fmt.Errorf("%q is not one of %s", value, strings.Join(values, ", "))
		}
		return nil
	}
	switch k {
	case portNumber:
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not a port", value)
		}
	case yesOrNo:
		return oneOf("yes", "no", "true", "false")
	case noOnly:
		if !slices.Contains([]string{"no", "false", "none"}, strings.ToLower(value)) {
			return fmt.Errorf("%s is not implemented by polarbook, which is its own ssh", value)
		}
	case wholeNumber:
		if _, err := seconds(value); err != nil {
			return err
		}
	case keyChecking:
		return oneOf("yes", "true", "no", "false", "off", "ask", "accept-new")
	case addressKind:
		return oneOf("any", "inet", "inet6")
	case algorithms:
		_, err := chooseAlgorithms(name, value)
		return err
	case jumpList:
		if strings.EqualFold(value, "none") {
			return nil
		}
		for _, j := range splitJumps(value) {
			if _, _, _, err := parseJump(j); err != nil {
				return err
			}
		}
	case proxyCommand:
		if strings.EqualFold(value, "none") {
			return nil
		}
		_, err := parseProxyCommand(value)
		return err
	}
	return nil
}

// proxyJump is a ProxyCommand that comes to a jump host.
type proxyJump struct {
	jump    string // [user@]host[:port]
	options SSHOptions
}

// parseProxyCommand understands the command that goes through another host to the one that is wanted, in its usual forms:
// ssh -W %h:%p HOST, and ssh HOST nc %h %p.
func parseProxyCommand(command string) (proxyJump, error) {
	refused := fmt.Errorf("the ProxyCommand %q is not implemented by polarbook, which runs none: it understands "+
		"ssh [OPTIONS] -W %%h:%%p [USER@]HOST, and ProxyJump is shorter", command)
	words, err := SplitWords(command)
	if err != nil {
		return proxyJump{}, err
	}
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if n := len(words); n > 0 && slices.Contains([]string{"2>/dev/null", "2>&1"}, words[n-1]) {
		words = words[:n-1]
	}
	if len(words) == 0 || words[0] != "ssh" && !strings.HasSuffix(words[0], "/ssh") {
		return proxyJump{}, refused
	}
	o, rest, err := parseSSHWords(words[1:])
	if err != nil {
		return proxyJump{}, fmt.Errorf("ProxyCommand: %w", err)
	}
	target, forwards := o.get("-W")
	switch {
	case len(rest) == 1 && forwards && (target[0] == "%h:%p" || target[0] == "[%h]:%p"):
	case len(rest) > 1 && !forwards && isNetcat(rest[1:]):
	default:
		return proxyJump{}, refused
	}
	o.values = slices.DeleteFunc(o.values, func(v sshValue) bool { return v.key == "-W" })
	if _, _, _, err := parseJump(rest[0]); err != nil {
		return proxyJump{}, err
	}
	return proxyJump{jump: rest[0], options: o}, nil
}

// isNetcat reports whether a command on the jump host hands its input on to the host that is wanted.
func isNetcat(words []string) bool {
	if words[0] == "exec" {
		words = words[1:]
	}
	if len(words) < 3 || !slices.Contains([]string{"nc", "netcat", "ncat"}, words[0][strings.LastIndex(words[0], "/")+1:]) {
		return false
	}
	n := len(words)
	for i := 1; i < n-2; i++ {
		switch w := words[i]; {
		case w == "-w" || w == "-q" || w == "-i":
			i++
		case strings.HasPrefix(w, "-w"), strings.HasPrefix(w, "-q"), w == "-N":
		default:
			return false
		}
	}
	return words[n-2] == "%h" && words[n-1] == "%p"
}
