package ansible

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/templates/jinja"
)

// errOutside is the error of what reaches out of the engine where that may not.
var errOutside = errors.New("nothing can be run, written or asked for here")

// lookupPassword gives the password that is in a file, which it makes where there is none.
func lookupPassword(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	found := []any{}
	for _, term := range terms {
		path, own, err := inline(jinja.Text(term))
		if err != nil {
			return nil, err
		}
		if len(own) > 0 && !strings.HasPrefix(jinja.Text(term), path) {
			return nil, fmt.Errorf("in %q something stands behind the options that is none: write NAME=VALUE, and the path first", jinja.Text(term))
		}
		p, err := passwordOf(r, path, merged(options, own))
		if err != nil {
			return nil, err
		}
		values, err := r.Outside("password "+path+" "+jinja.Repr(p), p.value)
		if err != nil {
			return nil, err
		}
		found = append(found, values...)
	}
	return found, nil
}

// storedPassword is a password in a file, and how it is to be made and given.
type storedPassword struct {
	run            *jinja.Run
	path           string
	length         int
	signs          string
	seed           any
	encrypt, ident string
}

// String tells one from another.
func (p *storedPassword) String() string {
	return fmt.Sprint(p.length, p.signs, p.seed, p.encrypt, p.ident)
}

func passwordOf(r *jinja.Run, path string, options map[string]any) (*storedPassword, error) {
	if err := onlyOptions(options, "length", "chars", "encrypt", "ident", "seed"); err != nil {
		return nil, err
	}
	if !r.Options().Outside {
		return nil, errOutside
	}
	if path == "" {
		return nil, errors.New("it needs the path of a file, or /dev/null")
	}
	length, err := number(options, "length", 20)
	if err != nil {
		return nil, err
	}
	o := given(options)
	p := &storedPassword{
		run: r, path: fromBase(r, path), length: length, seed: o.Get("seed", nil), encrypt: o.Text("encrypt", ""), ident: o.Text("ident", ""),
		signs: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-_",
	}
	if kinds := []string{"md5_crypt", "bcrypt", "sha256_crypt", "sha512_crypt"}; p.encrypt != "" && !slices.Contains(kinds, p.encrypt) {
		return nil, fmt.Errorf("encrypt knows %s, not %q", strings.Join(kinds, ", "), p.encrypt)
	}
	switch chars := o.Get("chars", nil).(type) {
	case nil:
	case string:
		p.signs = signsOf(splitSigns(chars))
	case []any:
		names := []string{}
		for _, name := range chars {
			names = append(names, jinja.Text(name))
		}
		p.signs = signsOf(names)
	default:
		return nil, fmt.Errorf("chars is a list, not %s", jinja.Describe(chars))
	}
	if p.signs == "" || length < 0 || length > jinja.MaximumWidth {
		return nil, errors.New("it needs characters to choose from, and a length that is a number of them")
	}
	return p, nil
}

// splitSigns splits at commas; two in a row stand for the comma itself.
func splitSigns(chars string) []string {
	var names []string
	if strings.Contains(chars, ",,") {
		names = append(names, ",")
	}
	for _, name := range strings.Split(strings.ReplaceAll(chars, ",,", ","), ",") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// signsOfPunctuation is Python's string.punctuation.
const signsOfPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// signsOf puts the characters together: names are those of Python's module string.
func signsOf(names []string) string {
	const small, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	large := strings.ToUpper(small)
	const space = " \t\n\r\v\f"
	sets := map[string]string{
		"ascii_lowercase": small, "ascii_uppercase": large, "ascii_letters": small + large, "digits": digits, "octdigits": "01234567",
		"hexdigits": digits + "abcdefABCDEF", "punctuation": signsOfPunctuation, "whitespace": space,
		"printable": digits + small + large + signsOfPunctuation + space,
	}
	var signs strings.Builder
	for _, name := range names {
		if set, ok := sets[name]; ok {
			name = set
		}
		signs.WriteString(name)
	}
	return strings.NewReplacer(`"`, "", "'", "").Replace(signs.String())
}

// fromBase is a path on this machine: what is relative is beside the playbook.
func fromBase(r *jinja.Run, path string) string {
	path = expandHome(r, path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.Base(), path)
}

func expandHome(r *jinja.Run, path string) string {
	expanded, err := expandUser(&jinja.Invocation{Run: r, Value: path})
	if err != nil {
		return path
	}
	return jinja.Text(expanded)
}

// value reads the file, makes what it lacks and writes that. Several programs that ask at the same time get the same.
func (p *storedPassword) value() ([]any, error) {
	keep := p.path != os.DevNull
	if keep {
		release, err := lockPassword(p.path)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	password, salt, ident, changed := "", "", "", false
	data, err := os.ReadFile(p.path)
	switch {
	case err == nil && keep:
		password, salt, ident = parsePassword(strings.TrimRight(string(data), " \t\n\r\v\f"))
	case err == nil || errors.Is(err, os.ErrNotExist):
		changed = true
		if password, err = p.draw(p.length, p.signs, p.seed); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	if p.encrypt != "" && salt == "" {
		changed = true
		size := 8
		switch p.encrypt {
		case "bcrypt":
			size = 22
		case "sha256_crypt", "sha512_crypt":
			size = 16
		}
		if salt, err = p.draw(size, saltLetters, nil); err != nil {
			return nil, err
		}
	}
	if ident == "" {
		ident = p.ident
	} else if p.ident != "" && ident != p.ident {
		return nil, fmt.Errorf("the ident %s is not the one in %s, which is %s", p.ident, p.path, ident)
	}
	if p.encrypt == "bcrypt" && ident == "" {
		ident, changed = "2b", true
	}
	if changed && keep {
		if err := p.write(password, salt, ident); err != nil {
			return nil, err
		}
	}
	p.run.NoteSecret(password)
	if p.encrypt == "" {
		return []any{password}, nil
	}
	hashed, err := hashPassword(p.run, password, passwordHash{kind: p.encrypt, salt: salt, ident: ident})
	if err != nil {
		return nil, err
	}
	return []any{hashed}, nil
}

const saltLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"

func (p *storedPassword) draw(length int, signs string, seed any) (string, error) {
	var from draws = fresh{p.run}
	if seed != nil {
		python, err := newMersenne(seed)
		if err != nil {
			return "", err
		}
		from = python
	}
	choice := []rune(signs)
	text := make([]rune, length)
	for at := range text {
		text[at] = choice[from.below(uint64(len(choice)))]
	}
	return string(text), nil
}

// parsePassword takes the content of a file apart: PASSWORD salt=SALT ident=IDENT.
func parsePassword(content string) (password, salt, ident string) {
	at := strings.LastIndex(content, " salt=")
	if at < 0 {
		return content, "", ""
	}
	password, salt = content[:at], content[at+len(" salt="):]
	if at = strings.LastIndex(salt, " ident="); at >= 0 {
		salt, ident = salt[:at], salt[at+len(" ident="):]
	}
	return password, salt, ident
}

func (p *storedPassword) write(password, salt, ident string) error {
	content := password
	if p.encrypt != "" || salt != "" {
		content += " salt=" + salt
		if ident != "" {
			content += " ident=" + ident
		}
	}
	if err := os.WriteFile(p.path, []byte(content+"\n"), 0o600); err != nil {
		return err
	}
	return os.Chmod(p.path, 0o600)
}

// lockPassword has one program at a time read and make a password: by the file beside it that Ansible has too.
func lockPassword(path string) (release func(), err error) {
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	name := filepath.Join(directory, fmt.Sprintf("%x.ansible_lockfile", sha1.Sum([]byte(path))))
	for tries := 0; ; tries++ {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() { _ = os.Remove(name) }, file.Close()
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		if tries == 70 {
			return nil, fmt.Errorf("%s is there for seven seconds: another program makes the password, or one was ended while it did; then remove "+
				"the file", name)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
