package crypto

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

// infoArgs are what certificate and request have alike.
type infoArgs struct {
	Path     string `arg:"path,path" doc:"File on the host to read. Required, or content."`
	Content  string `arg:"content" doc:"What would be in such a file."`
	Encoding string `arg:"name_encoding" default:"ignore" choices:"ignore idna unicode" doc:"Names are returned as they are written (ignore); idna and unicode are refused."`
	Backend  string `arg:"select_crypto_backend" default:"auto" choices:"auto cryptography" doc:"Of no effect: Go's crypto reads it."`
}

// check refuses what is not there.
func (a *infoArgs) check(module string) error {
	if a.Encoding == "ignore" {
		return nil
	}
	const why = ": names are returned as they are written"
	return &tasks.ArgError{Module: module, Arg: "name_encoding", Problem: "cannot be " + a.Encoding + why}
}

// infoReturns are what certificate and request return alike.
var infoReturns = []tasks.Return{
	{Name: "subject", Type: "dict", Doc: "whom it is for, such as commonName"},
	{Name: "subject_ordered", Type: "list", Doc: "the same in pairs, each of them"},
	{Name: "subject_alt_name", Type: "list", Doc: "other names (DNS:example.com), or none; this and the four below have …_critical"},
	{Name: "key_usage", Type: "list", Doc: "what the key is for, such as Digital Signature"},
	{Name: "extended_key_usage", Type: "list", Doc: "likewise, such as TLS Web Server Authentication"},
	{Name: "basic_constraints", Type: "list", Doc: "such as CA:FALSE"},
	{Name: "ocsp_must_staple", Type: "bool", Doc: "whether a server has to staple"},
	{Name: "public_key", Type: "str", Doc: "the key in PEM"}, {Name: "public_key_type", Type: "str", Doc: "such as RSA or ECC"},
	{Name: "public_key_data", Type: "dict", Doc: "its numbers: size, modulus and exponent, or curve, exponent_size, x and y"},
	{Name: "public_key_fingerprints", Type: "dict", Doc: "its hashes by their names"},
	{Name: "subject_key_identifier", Type: "str", Doc: "the key's identifier"},
	{Name: "authority_key_identifier", Type: "str", Doc: "the CA's; by its certificate it is authority_cert_issuer and …_serial_number"},
	{Name: "extensions_by_oid", Type: "dict", Doc: "each extension by its number, with critical and its value in base64"},
}

// info is the work of a module that tells what is in a file of the host's, or in the arguments.
type info struct {
	source
	what   string // it is of
	tell   func(text []byte) (map[string]any, error)
	failed map[string]any // values of a task that could not read the file
	asking bool
}

// elsewhere is what to do about a file that is not there or is none.
const elsewhere = "correct path, or run the tasks first that make it"

// newInfo checks that there is one source.
func newInfo(module string, i *info) (tasks.Action, error) {
	switch {
	case i.path == "" && i.content == "":
		return nil, &tasks.ArgError{Module: module, Arg: "path", Problem: "or content is required"}
	case i.path != "" && i.content != "":
		return nil, &tasks.ArgError{Module: module, Arg: "content", Problem: "and path exclude each other"}
	}
	return i, nil
}

func (i *info) Probe() string {
	if i.path == "" {
		return ""
	}
	return files.ReadFile(i.path)
}

func (i *info) Plan(found tasks.Found) (tasks.Plan, error) {
	text := []byte(i.content)
	if i.path != "" {
		var said files.Read
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		switch {
		case !said.File.Exists() && i.asking:
			return tasks.NotYet(true, i.path+" does not exist", elsewhere)
		case !said.File.Exists():
			return tasks.Plan{}, &tasks.Failure{Msg: i.path + " does not exist, and " + i.what + " is needed", Hint: elsewhere, Values: i.failed}
		case said.File.Kind != "file" || said.Large:
			return tasks.Plan{}, &tasks.Failure{
				Msg: fmt.Sprintf("%s is %s of %d bytes, and %s is needed", i.path, files.DescribeKind(said.File.Kind), said.File.Size,
					i.what),
				Hint: elsewhere, Values: i.failed,
			}
		}
		text = said.Content
	}
	values, err := i.tell(text)
	if err != nil {
		return tasks.Plan{}, err
	}
	return tasks.Plan{Values: values}, nil
}
