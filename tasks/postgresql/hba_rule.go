package postgresql

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/hba"
)

var hbaMethods = strings.Fields("trust reject md5 password gss sspi krb5 ident peer ldap radius cert pam scram-sha-256")
var hbaTypes = strings.Fields("local host hostssl hostnossl hostgssenc hostnogssenc")

// hbaRule is a line of pg_hba.conf. One that is other than a rule (a comment, an include, an empty line) has no type.
type hbaRule struct {
	line    string // as it stands in the file; continued ones are several
	number  int    // of the line in the file, 0: it is new
	comment string
	kind    string
	databases, users,
	method string
	address string       // a name or keyword as it is written; "" where there is a network
	network netip.Prefix // valid where there is one
	options map[string]string
}

func (r *hbaRule) special() bool { return r.kind == "" }

// source is the address as it is written, of a network in its shortest form.
func (r *hbaRule) source() string {
	if r.network.IsValid() {
		return r.network.String()
	}
	return r.address
}

// same reports whether two lines are about the same connections; comments are the same that say the same.
func (r *hbaRule) same(o *hbaRule) bool {
	switch {
	case r.special() != o.special():
		return false
	case r.special() && r.comment != "" && o.comment != "":
		return r.comment == o.comment
	case r.special():
		return r.line == o.line
	}
	return r.kind == o.kind && r.users == o.users && r.databases == o.databases && r.source() == o.source()
}

func (r *hbaRule) identical(o *hbaRule) bool {
	return r.same(o) && r.method == o.method && maps.Equal(r.options, o.options)
}

// text is the line for the file.
func (r *hbaRule) text() string {
	switch {
	case r.line != "":
		return r.line
	case r.special():
		return r.comment
	}
	fields := []string{r.kind, r.databases, r.users}
	if r.kind != "local" {
		fields = append(fields, r.source())
	}
	fields = append(fields, r.method)
	if len(r.options) > 0 {
		fields = append(fields, r.optionText(true))
	}
	if r.comment != "" {
		fields = append(fields, "#"+strings.TrimPrefix(r.comment, "#"))
	}
	return strings.Join(fields, "\t")
}

// optionText is the options as one text. In a file those with blanks or commas have to be quoted.
func (r *hbaRule) optionText(quoted bool) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(r.options)) {
		option := key + "=" + r.options[key]
		if quoted && strings.ContainsAny(option, " \t,#") && !strings.Contains(option, `"`) {
			option = `"` + option + `"`
		}
		list = append(list, option)
	}
	return strings.Join(list, " ")
}

// value is the rule as it is returned.
func (r *hbaRule) value() map[string]any {
	v := map[string]any{"type": r.kind, "db": r.databases, "usr": r.users, "method": r.method}
	if s := r.source(); s != "" {
		v["src"] = s
	}
	if len(r.options) > 0 {
		v["options"] = r.optionText(false)
	}
	return v
}

// readHBA reads a file's lines.
func readHBA(text string) ([]*hbaRule, error) {
	var rules []*hbaRule
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		number, line := i+1, lines[i]
		for strings.HasSuffix(line, `\`) {
			if i++; i == len(lines) {
				return nil, fmt.Errorf("line %d: a line that goes on ends the file", number)
			}
			line += "\n" + lines[i]
		}
		r, err := readHBALine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		r.line, r.number = line, number
		rules = append(rules, r)
	}
	return rules, nil
}

func readHBALine(line string) (*hbaRule, error) {
	r := &hbaRule{}
	bare := strings.TrimSpace(strings.ReplaceAll(line, "\\\n", ""))
	if strings.HasPrefix(bare, "#") || bare == "" {
		r.comment = bare
		return r, nil
	}
	words, comment, err := hbaWords(bare)
	if err != nil {
		return nil, err
	}
	r.comment = strings.TrimSpace(comment)
	if len(words) == 0 || strings.HasPrefix(words[0], "include") {
		return r, nil
	}
	few := errors.New("has too few fields")
	if len(words) < 4 {
		return nil, few
	}
	r.databases, r.users = sortedNames(words[1]), sortedNames(words[2])
	kind, at := unquoted(words[0]), 3
	if kind != "local" {
		mask := ""
		if bareAddress(words[3]) {
			mask, at = words[min(4, len(words)-1)], 4
		}
		if at++; len(words) <= at {
			return nil, few
		}
		if err := r.setAddress(words[3], mask); err != nil {
			return nil, err
		}
	}
	return r, r.complete(kind, unquoted(words[at]), words[at+1:])
}

// complete sets the rest of a rule.
func (r *hbaRule) complete(kind, method string, options []string) error {
	if !slices.Contains(hbaTypes, kind) {
		return fmt.Errorf("has the unknown type %q", kind)
	}
	if !slices.Contains(hbaMethods, method) {
		return fmt.Errorf("has the unknown method %q", method)
	}
	r.kind, r.method = kind, method
	for _, option := range options {
		key, value, ok := strings.Cut(unquoted(option), "=")
		switch _, twice := r.options[key]; {
		case !ok || key == "" || value == "":
			return fmt.Errorf("has the option %q, which is not NAME=VALUE", option)
		case twice:
			return fmt.Errorf("has the option %s twice", key)
		case r.options == nil:
			r.options = map[string]string{}
		}
		r.options[key] = value
	}
	return nil
}

// hbaWords are the fields of a line and what follows #. Quotes stay where they are.
func hbaWords(line string) (words []string, comment string, err error) {
	fields, comment, open := hba.Fields(line)
	if open {
		return nil, "", errors.New("has a quote that does not end")
	}
	for _, f := range fields {
		words = append(words, f.Text)
	}
	return words, comment, nil
}

func unquoted(text string) string {
	if len(text) > 1 && strings.HasPrefix(text, `"`) {
		return text[1 : len(text)-1]
	}
	return text
}

// sortedNames puts a list of databases or roles in order; quoted ones and regular expressions stay as they are.
func sortedNames(list string) string {
	if strings.Contains(list, `"`) || strings.HasPrefix(list, "/") {
		return list
	}
	names := strings.Split(list, ",")
	slices.Sort(names)
	return strings.Join(names, ",")
}

func bareAddress(text string) bool {
	_, err := netip.ParseAddr(unquoted(text))
	return err == nil
}

var likeIPv4 = regexp.MustCompile(`^"?(\d{1,3}\.){3}\d{1,3}(/\d{1,2})?"?$`)

// setAddress reads an address with the mask of its own field, a network, or a host's name or keyword.
func (r *hbaRule) setAddress(text, mask string) error {
	bare := unquoted(text)
	address, size, slash := strings.Cut(bare, "/")
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil || ip.Zone() != "":
		if strings.ContainsAny(text, `:\/@+ `) || likeIPv4.MatchString(text) || text == "" {
			return fmt.Errorf("has %q, which is no address, network, host name or keyword", text)
		}
		if mask != "" {
			return errors.New("has a mask for what is no address")
		}
		r.address = text
		return nil
	case !slash && mask == "":
		return fmt.Errorf("has the address %s without the size of its network: %s/%d is that one alone", bare, bare, ip.BitLen())
	case slash && mask != "":
		return fmt.Errorf("has a mask besides the network %s", bare)
	}
	length := -1
	switch {
	case mask != "":
		length, err = maskSize(unquoted(mask), ip)
	case strings.Contains(size, "."):
		length, err = maskSize(size, ip)
	default:
		if _, err := fmt.Sscanf(size+";", "%d;", &length); err != nil || length > ip.BitLen() {
			length = -1
		}
	}
	if err == nil && (length < 0 || strings.ContainsAny(size, "+-")) {
		err = fmt.Errorf("has %q, which is no network", bare)
	}
	if err != nil {
		return err
	}
	r.network = netip.PrefixFrom(ip, length).Masked()
	if slash && r.network.Addr() != ip {
		return fmt.Errorf("has the network %s, whose address has bits beside those of the network: %s is meant", bare, r.network)
	}
	return nil
}

// maskSize counts the bits of a mask, which have to be the first ones.
func maskSize(text string, of netip.Addr) (int, error) {
	mask, err := netip.ParseAddr(text)
	if err != nil || mask.BitLen() != of.BitLen() {
		return 0, fmt.Errorf("has %q, which is no mask of %s", text, of)
	}
	n, ended := 0, false
	for _, b := range mask.AsSlice() {
		ones := bits.LeadingZeros8(^b)
		if ended && b != 0 || byte(0xff<<(8-ones)) != b {
			return 0, fmt.Errorf("has the mask %s, in which a one follows a zero", text)
		}
		ended = ended || ones < 8
		n += ones
	}
	return n, nil
}

// sortHBA puts lines in Ansible's order, the narrower rule before the wider one; empty lines go. So do those of blanks, and an include
// with a comment is one all the same: Ansible's order is none where a file has such lines, and wide rules come before narrow ones.
func sortHBA(rules []*hbaRule) []*hbaRule {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r *hbaRule) bool {
		return r.special() && strings.TrimSpace(r.line) == "" &&
			r.comment == ""
	})
	slices.SortStableFunc(rules, compareHBA)
	return rules
}

func (r *hbaRule) include() bool { return strings.HasPrefix(r.text(), "include") }

// Weights of lines that are no rules: comments come first, includes last.
func (r *hbaRule) weight() int {
	switch {
	case r.include():
		return 90
	case r.comment != "":
		return 1
	}
	return 99
}

func compareHBA(a, b *hbaRule) int {
	switch {
	case a.special() && b.special():
		byNumber := cmp.Compare(a.number, b.number)
		if a.number == 0 && b.number == 0 {
			byNumber = strings.Compare(a.text(), b.text())
		} else if a.number == 0 || b.number == 0 { // new ones follow those that are there
			byNumber = -byNumber
		}
		return cmp.Or(cmp.Compare(a.weight(), b.weight()), byNumber)
	case a.special():
		return a.besideRules()
	case b.special():
		return -b.besideRules()
	}
	return cmp.Or(
		-cmp.Compare(a.sourceWeight(), b.sourceWeight()), cmp.Compare(a.databaseWeight(), b.databaseWeight()),
		cmp.Compare(a.userWeight(), b.userWeight()), -cmp.Compare(a.familyWeight(), b.familyWeight()),
		a.network.Addr().Compare(b.network.Addr()), strings.Compare(a.address, b.address), strings.Compare(a.text(), b.text()),
	)
}

// besideRules says where a line that is no rule goes among rules.
func (r *hbaRule) besideRules() int {
	switch {
	case r.include():
		return 1
	case r.comment != "":
		return -1
	}
	return 0
}

// sourceWeight is larger the fewer addresses there are: up to 128 for one, IPv4's bits counting four times.
func (r *hbaRule) sourceWeight() int {
	switch {
	case r.kind == "local":
		return 130
	case r.network.IsValid() && r.network.Addr().Is4():
		return 4 * r.network.Bits()
	case r.network.IsValid():
		return r.network.Bits()
	case r.address == "all":
		return 0
	case r.address == "samehost":
		return 129
	case r.address == "samenet":
		return 96
	case strings.HasPrefix(r.address, "."):
		return 64
	}
	return 128
}

func (r *hbaRule) familyWeight() int {
	switch {
	case r.kind == "local":
		return 3
	case r.network.IsValid() && r.network.Addr().Is4():
		return 2
	case r.network.IsValid():
		return 1
	}
	return 0
}

const everything = 100_000

func (r *hbaRule) databaseWeight() int {
	list := strings.Split(r.databases, ",")
	switch {
	case strings.HasPrefix(r.databases, `"`):
		return 3
	case slices.Contains(list, "all"):
		return everything
	case r.databases == "replication":
		return 0
	case r.databases == "samerole" || r.databases == "samegroup":
		return 2
	}
	return 3 + len(list)
}

func (r *hbaRule) userWeight() int {
	list := strings.Split(r.users, ",")
	switch {
	case strings.HasPrefix(r.users, `"`):
		return 1
	case slices.Contains(list, "all"):
		return everything
	}
	return 1 + len(list)
}
