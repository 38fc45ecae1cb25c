package inventory

import (
	"crypto/md5"  //nolint:gosec // what is masked, not what protects
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// secretForms returns the texts under which a secret may appear.
func secretForms(secret string) []string {
	secret = strings.TrimSpace(secret)
	if len(secret) < MinimumSecret {
		return nil
	}
	forms := []string{secret}
	for _, line := range strings.Split(secret, "\n") {
		if line = strings.TrimSpace(line); len(line) >= minimumLine {
			forms = append(forms, line)
		}
	}
	forms = append(forms,
		url.QueryEscape(secret),
		url.PathEscape(secret),
		strings.ReplaceAll(secret, `'`, `'\''`),
		strings.ReplaceAll(secret, `'`, `'"'"'`),
		strings.ReplaceAll(secret, `'`, `''`),
		strings.ReplaceAll(secret, `'`, `\'`),
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(secret),
		strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret),
		percentEncode(secret),
	)
	for _, escapeHTML := range []bool{true, false} {
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(escapeHTML)
		if err := encoder.Encode(secret); err == nil {
			if quoted := strings.TrimSpace(text.String()); len(quoted) > 2 {
				forms = append(forms, quoted[1:len(quoted)-1])
			}
		}
	}
	ascii := strings.Trim(strconv.QuoteToASCII(secret), `"`)
	forms = append(forms, html.EscapeString(secret), escapeRegex(secret), ascii, strings.ReplaceAll(ascii, `\"`, `"`),
		strings.ReplaceAll(url.QueryEscape(secret), "%2F", "/"), strings.ReplaceAll(percentEncode(secret), "%2F", "/"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace(secret),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(secret),
		yamlEscaped(secret), strings.ToLower(percentEncode(secret)))
	forms = append(forms, jsonASCII(secret, "%04x"), jsonASCII(secret, "%04X"))
	// Text within text: what is written as JSON (or in quotes for Python, YAML and Go) once more.
	twice := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, form := range forms[:len(forms):len(forms)] {
		again := twice.Replace(form)
		forms = append(forms, again, twice.Replace(again), url.QueryEscape(form), percentEncode(form))
	}
	for _, form := range []string{secret, jsonASCII(secret, "%04x")} {
		forms = append(forms, base64Forms(form)...)
	}
	forms = append(append(forms, checksums(secret)...), checksums(secret+"\n")...)
	slices.Sort(forms)
	forms = slices.Compact(forms)
	kept := forms[:0]
	for _, form := range forms {
		if len(form) >= MinimumSecret {
			kept = append(kept, form)
		}
	}
	return kept
}

// checksums returns what stands for a file of that content in the results of modules.
func checksums(content string) []string {
	data := []byte(content)
	return []string{
		fmt.Sprintf("%x", md5.Sum(data)),  //nolint:gosec // see above
		fmt.Sprintf("%x", sha1.Sum(data)), //nolint:gosec // see above
		fmt.Sprintf("%x", sha256.Sum256(data)),
	}
}

// base64Forms returns the base64 of the secret, and of the secret with one or two bytes before it,
// as in base64(user:password): the characters that depend on the secret alone.
func base64Forms(secret string) []string {
	forms := []string{}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
		for shift := 0; shift < 3; shift++ {
			shifted := make([]byte, shift, shift+len(secret))
			shifted = append(shifted, secret...)
			text := encoding.WithPadding(base64.NoPadding).EncodeToString(shifted)
			from := []int{0, 2, 3}[shift]
			to := len(shifted) * 8 / 6 // characters made up of the secret's bits only
			if inner := text[from:to]; len(inner) >= minimumLine {
				forms = append(forms, inner)
				forms = append(forms, wrapped(inner)...)
			}
		}
	}
	return forms
}

// maximumWrapped is the length of the longest base64 that is masked wherever a line ends within it.
const maximumWrapped = 200

// window is the length of a piece of base64 that is masked wherever its lines end.
const window = 12

// wrapped are the forms of base64 with line ends in it, as base64(1) and MIME write it, and as that looks in JSON: each
// piece of some length, and what is left of it before or after a line's end. Of a very long text (a key) the lines of 64
// and 76 characters are masked by themselves.
func wrapped(text string) []string {
	var forms []string
	if len(text) > maximumWrapped {
		for _, width := range []int{64, 76} {
			for at := 0; at+minimumLine <= len(text); at += width {
				forms = append(forms, text[at:min(at+width, len(text))])
			}
		}
		return forms
	}
	for at := 0; at+window <= len(text); at++ {
		forms = append(forms, text[at:at+window])
	}
	for at := 1; at < len(text); at++ {
		if at > window && at < len(text)-window {
			continue
		}
		for _, end := range []string{"\n", "\\n", "\r\n", "\\r\\n"} {
			forms = append(forms, text[max(0, at-window):at]+end+text[at:min(len(text), at+window)])
		}
	}
	return forms
}

// jsonASCII is a text as JSON writes it with nothing but ASCII; the format is that of the four digits.
func jsonASCII(text, digits string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\r':
			out.WriteString(`\r`)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u`+digits+`\u`+digits, high, low)
		case r < ' ' || r > '~':
			fmt.Fprintf(&out, `\u`+digits, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// yamlEscaped is a text as YAML writes it between double quotes with nothing but ASCII.
func yamlEscaped(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r > 0xffff:
			fmt.Fprintf(&out, `\U%08X`, r)
		case r > 0xff:
			fmt.Fprintf(&out, `\u%04X`, r)
		case r < ' ' || r > '~':
			fmt.Fprintf(&out, `\x%02X`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// escapeRegex escapes a text as Python's re.escape does.
func escapeRegex(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strings.ContainsRune("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// percentEncode escapes every byte that is not a letter or digit, as strict encoders do.
func percentEncode(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
