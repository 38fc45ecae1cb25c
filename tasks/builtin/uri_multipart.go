package builtin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/web"
)

// part is a field of a form that is sent as multipart/form-data.
type part struct {
	name, file, kind string
	content          []byte
	onHost           bool // content is that of file on the host
	encoded          bool // in base64
}

// partsOf reads fields, in the order in which Ansible sends them. Files of the control node are read.
func partsOf(fields map[string]any, onHost bool, l tasks.Local) ([]*part, error) {
	var parts []*part
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		p := &part{name: name, kind: "text/plain"}
		switch v := fields[name].(type) {
		case string:
			p.content = []byte(v)
		case map[string]any:
			text := map[string]string{}
			for key, value := range v {
				if value == nil {
					continue
				}
				s, err := convert.Text(value)
				if err != nil {
					return nil, fmt.Errorf("holds the field %s, whose %s %w", name, key, err)
				}
				text[key] = s
			}
			file, content := text["filename"], text["content"]
			if file == "" && content == "" {
				return nil, fmt.Errorf("holds the field %s, which needs filename or content", name)
			}
			p.kind, p.content = text["mime_type"], []byte(content)
			if p.kind == "" {
				if p.kind, _, _ = strings.Cut(mime.TypeByExtension(path.Ext(file)), ";"); p.kind == "" {
					p.kind = "application/octet-stream"
				}
			}
			if file != "" {
				p.file = path.Base(file)
			}
			if content == "" {
				switch text["multipart_encoding"] {
				case "", "base64":
					p.encoded = true
				case "7or8bit":
				default:
					return nil, fmt.Errorf("holds the field %s, whose multipart_encoding is neither base64 nor 7or8bit", name)
				}
				if p.onHost = onHost; onHost {
					p.file = file
				} else {
					fsys, found, err := l.Find("files", file)
					if err != nil {
						return nil, fmt.Errorf("holds the field %s: %w", name, err)
					}
					if p.content, err = fs.ReadFile(l.Decrypted(fsys), found); err != nil {
						return nil, fmt.Errorf("holds the field %s: %w", name, err)
					}
				}
			}
		default:
			return nil, fmt.Errorf("holds the field %s, which is neither text nor a dict of filename, content and mime_type", name)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// multipartText writes parts, and returns the Content-Type as well.
func multipartText(ctx context.Context, h tasks.Host, parts []*part) (kind string, body []byte, err error) {
	boundary := "===============" + rand.Text() + "=="
	var b bytes.Buffer
	for _, p := range parts {
		content, file := p.content, p.file
		if p.onHost {
			if content, err = h.Shell().ReadFile(ctx, p.file, web.BodyLimit); err != nil {
				return "", nil, fmt.Errorf("read the file of the field %s: %w", p.name, err)
			}
			file = path.Base(p.file)
		}
		fmt.Fprintf(&b, "--%s\r\n", boundary)
		if p.encoded {
			b.WriteString("Content-Transfer-Encoding: base64\r\n")
		}
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Disposition: form-data; name=\"%s\"", p.kind, inQuotes.Replace(p.name))
		if file != "" {
			fmt.Fprintf(&b, "; filename=\"%s\"", inQuotes.Replace(file))
		}
		b.WriteString("\r\n\r\n")
		if !p.encoded {
			b.Write(content)
		} else {
			text := base64.StdEncoding.EncodeToString(content)
			for ; len(text) > 76; text = text[76:] {
				b.WriteString(text[:76] + "\r\n")
			}
			b.WriteString(text + "\r\n")
		}
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return `multipart/form-data; boundary="` + boundary + `"`, b.Bytes(), nil
}

var inQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")

// lookAt returns what is at a path on the host.
func lookAt(ctx context.Context, h tasks.Host, at string) (script.File, error) {
	r, err := h.Shell().Run(ctx, remote.Command{
		Script: script.Preamble + script.Look + "p=" + string(script.Path(script.TrimSlashes(at))) + "\nlook dest \"$p\" -L\n",
	})
	if err != nil {
		return script.File{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return script.File{}, err
	}
	var said struct {
		Dest script.File `answer:"dest,required"`
	}
	err = script.Decode(r.Stdout, &said)
	return said.Dest, err
}
