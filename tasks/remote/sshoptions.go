package remote

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshOptionKind is what an option of ssh means here, and so what it may hold.
type sshOptionKind int

const (
	withoutEffect sshOptionKind = iota // it changes nothing for a program that keeps one connection and has no terminal of its own
	anyText
	manyWords
	portNumber
	yesOrNo
	noOnly // it may be said that it is not wanted
	wholeNumber
	keyChecking
	addressKind
	algorithms
	jumpList
	proxyCommand
)

// sshOptionKinds are the options of ssh_config(5) that are understood.
var sshOptionKinds = map[string]sshOptionKind{
	"hostname": anyText, "port": portNumber, "user": anyText, "hostkeyalias": anyText, "addressfamily": addressKind,
	"bindaddress": anyText, "connecttimeout": wholeNumber, "connectionattempts": wholeNumber,
	"serveraliveinterval": wholeNumber, "serveralivecountmax": wholeNumber, "tcpkeepalive": yesOrNo,
	"proxyjump": jumpList, "proxycommand": proxyCommand,
	"userknownhostsfile": manyWords, "globalknownhostsfile": manyWords, "stricthostkeychecking": keyChecking,
	"identityfile": anyText, "identitiesonly": yesOrNo, "identityagent": anyText, "batchmode": yesOrNo,
	"forwardagent":             yesOrNo,
	"preferredauthentications": anyText, "pubkeyauthentication": anyText, "passwordauthentication": yesOrNo,
	"kbdinteractiveauthentication": yesOrNo,
	"ciphers":                      algorithms, "macs": algorithms, "kexalgorithms": algorithms, "hostkeyalgorithms": algorithms,

	"controlmaster": withoutEffect, "controlpath": withoutEffect, "controlpersist": withoutEffect, "compression": withoutEffect,
	"compressionlevel": withoutEffect, "loglevel": withoutEffect, "logverbose": withoutEffect, "visualhostkey": withoutEffect,
	"fingerprinthash": withoutEffect, "hashknownhosts": withoutEffect, "updatehostkeys": withoutEffect, "checkhostip": withoutEffect,
	"numberofpasswordprompts": withoutEffect, "addkeystoagent": withoutEffect, "ipqos": withoutEffect, "rekeylimit": withoutEffect,
	"exitonforwardfailure": withoutEffect, "clearallforwardings": withoutEffect, "forwardx11": withoutEffect,
	"forwardx11trusted": withoutEffect, "forwardx11timeout": withoutEffect, "requesttty": withoutEffect, "escapechar": withoutEffect,
	"streamlocalbindunlink": withoutEffect, "streamlocalbindmask": withoutEffect, "ignoreunknown": withoutEffect,
	"kbdinteractivedevices": withoutEffect, "proxyusefdpass": withoutEffect, "obscurekeystroketiming": withoutEffect,
	"gatewayports": withoutEffect, "syslogfacility": withoutEffect, "xauthlocation": withoutEffect, "channeltimeout": withoutEffect,
	"enableescapecommandline": withoutEffect, "pubkeyacceptedalgorithms": withoutEffect, "warnweakcrypto": withoutEffect,
	"stdinnull": withoutEffect, "useroaming": withoutEffect, "protocol": withoutEffect, "useprivilegedport": withoutEffect,

	"gssapiauthentication": noOnly, "gssapidelegatecredentials": noOnly, "hostbasedauthentication": noOnly,
	"permitlocalcommand": noOnly, "verifyhostkeydns": noOnly, "nohostauthenticationforlocalhost": noOnly,
	"canonicalizehostname": noOnly, "enablesshkeysign": noOnly, "tunnel": noOnly, "forkafterauthentication": noOnly,
	"gssapikeyexchange": noOnly, "gssapitrustdns": noOnly, "gssapirenewalforcesrekey": noOnly, "pkcs11provider": noOnly,
	"revokedhostkeys": noOnly, "knownhostscommand": noOnly,
}

// sshAliases are names that options had before.
var sshAliases = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication",
	"tisauthentication": "kbdinteractiveauthentication", "dsaauthentication": "pubkeyauthentication",
	"rsaauthentication": "pubkeyauthentication", "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
	"hostbasedkeytypes": "hostbasedacceptedalgorithms", "keepalive": "tcpkeepalive", "cipher": "ciphers",
	"globalknownhostsfile2": "globalknownhostsfile", "userknownhostsfile2": "userknownhostsfile",
	"smartcarddevice": "pkcs11provider",
}

// refusedSSHOptions are options that would change something and that polarbook does not have, with what to do instead.
var refusedSSHOptions = map[string]string{
	"sendenv": ": use environment: in the playbook", "setenv": ": use environment: in the playbook",
	"localforward": "", "remoteforward": "", "dynamicforward": "", "localcommand": "", "remotecommand": "", "tunneldevice": "",
	"bindinterface": ": BindAddress is there", "certificatefile": ": put it into an agent", "include": "", "match": "", "host": "",
	"securitykeyprovider": "", "hostbasedacceptedalgorithms": "", "casignaturealgorithms": "", "requiredrsasize": "",
	"canonicaldomains": "", "canonicalizemaxdots": "", "canonicalizefallbacklocal": "", "canonicalizepermittedcnames": "",
	"sessiontype": "", "tag": "", "permitremoteopen": "", "versionaddendum": "", "gssapiclientidentity": "",
	"gssapiserveridentity": "", "refuseconnection": "",
}

// seconds reads a whole number of seconds, or a time as ssh writes it (1m30s).
func seconds(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a number of seconds", text)
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > 1<<30 {
			return 0, bad
		}
		return time.Duration(n) * time.Second, nil
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	var total time.Duration
	for rest := strings.ToLower(text); rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.Atoi(rest[:digits])
		if err != nil || n > 1<<20 {
			return 0, bad
		}
		unit := time.Second
		if digits < len(rest) {
			u, ok := units[rest[digits]]
			if !ok {
				return 0, bad
			}
			unit, digits = u, digits+1
		}
		total, rest = total+time.Duration(n)*unit, rest[digits:]
	}
	if text == "" {
		return 0, bad
	}
	return total, nil
}

// chooseAlgorithms works out a list of Ciphers, MACs, KexAlgorithms or HostKeyAlgorithms: names with commas, or changes to what is
// there anyway, which begin with + (after it), - (without it) or ^ (before it). What the SSH library does not have is left
// out; a list of which it has nothing is an error.
func chooseAlgorithms(name, text string) ([]string, error) {
	supported, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var usual, more []string
	switch name {
	case "ciphers":
		usual, more = supported.Ciphers, insecure.Ciphers
	case "macs":
		usual, more = supported.MACs, insecure.MACs
	case "kexalgorithms":
		usual, more = supported.KeyExchanges, insecure.KeyExchanges
	case "hostkeyalgorithms":
		usual, more = supported.HostKeys, insecure.HostKeys
	}
	change := byte(0)
	if text != "" && strings.IndexByte("+-^", text[0]) >= 0 {
		change, text = text[0], text[1:]
	}
	matches := func(pattern, name string) bool {
		ok, err := path.Match(pattern, name) // ssh's patterns have * and ? as well
		return err == nil && ok
	}
	var named []string
	for pattern := range strings.SplitSeq(text, ",") {
		for _, a := range slices.Concat(usual, more) {
			if matches(pattern, a) && !slices.Contains(named, a) && (a == pattern || change == '-' || slices.Contains(usual, a)) {
				named = append(named, a)
			}
		}
	}
	without := func(list, others []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(a string) bool { return slices.Contains(others, a) })
	}
	var list []string
	switch change {
	case '+':
		list = slices.Concat(usual, without(named, usual))
	case '-':
		list = without(usual, named)
	case '^':
		list = slices.Concat(named, without(usual, named))
	default:
		list = named
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("polarbook has none of %s; it has %s", text, strings.Join(usual, ","))
	}
	return list, nil
}
