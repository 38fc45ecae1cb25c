package builtin

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type statArgs struct {
	Path      string `arg:"path,required,path" alias:"dest name" doc:"Path to look at."`
	Follow    bool   `arg:"follow" default:"false" doc:"Look at the target of a link."`
	Checksum  bool   `arg:"get_checksum" default:"true" doc:"Compute the checksum of a regular file."`
	Algorithm string `arg:"checksum_algorithm" alias:"checksum checksum_algo" default:"sha1" choices:"md5 sha1 sha224 sha256 sha384 sha512" doc:"Algorithm of the checksum."`
	MD5       bool   `arg:"get_md5" default:"false" doc:"Return the MD5 of a regular file as md5. Ansible 2.19 has no such argument: get_checksum with checksum_algorithm: md5 does the same."`
	Mime      bool   `arg:"get_mime" alias:"mime mime_type mime-type" default:"true" doc:"Return mimetype and charset; needs file(1)."`
	Attrs     bool   `arg:"get_attributes" alias:"attr attributes" default:"true" doc:"Return attributes, attr_flags and version; needs lsattr(1)."`
}

var statModule = tasks.Define(tasks.Module{
	Name: "stat", Collections: []string{"ansible.builtin"},
	Summary: "Return what is known about a file",
	Returns: []tasks.Return{
		{
			Name: "stat",
			Type: "dict",
			Doc: "exists, path, mode, isdir, isreg, islnk, isblk, ischr, isfifo, issock, uid, gid, pw_name, gr_name, size, inode, dev, nlink, " +
				"atime, mtime, ctime, checksum, md5, lnk_source, lnk_target, readable, writeable, executable, rusr … xoth, " +
				"isuid, isgid, mimetype, charset, block_size, blocks, device_type, attributes, attr_flags, version",
		},
	},
	Examples: `
- stat: {path: /opt/polardb/current}
  register: current
- debug: {msg: "{{ current.stat.lnk_target }}"}
  when: current.stat.exists and current.stat.islnk
`,
}, func(a *statArgs, _ tasks.Local) (tasks.Action, error) {
	if a.Path == "" {
		return nil, &tasks.ArgError{Module: "stat", Arg: "path", Problem: "is empty"}
	}
	return &statAction{*a}, nil
})

type statAction struct{ statArgs }

func (a *statAction) Probe() string {
	values := script.Values{"p": script.Path(a.Path), "follow": a.Follow, "mime": a.Mime, "md5": a.MD5, "attributes": a.Attrs}
	if a.Checksum {
		values["algorithm"] = a.Algorithm
	}
	return scripts.Script("stat", values)
}

func (a *statAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Path    []byte `answer:"path"` // without ~ and variables
		Absent  bool   `answer:"absent"`
		Blocked []byte `answer:"blocked"` // what is above it and no directory
		Stat    string `answer:"stat"`
		Atime   string `answer:"accessed"` // 2026-11-28 15:21:05.123456789 +0000, as the other two
		Mtime   string `answer:"modified"`
		Ctime   string `answer:"changed"`
		Block   string `answer:"block"`
		Attrs   string `answer:"attributes"` // lsattr's: version, flags, path
		Read    bool   `answer:"mayr"`
		Write   bool   `answer:"mayw"`
		Execute bool   `answer:"mayx"`
		Target  []byte `answer:"target"`
		Source  []byte `answer:"source"`
		Sum     string `answer:"sum"`
		MD5     string `answer:"md5"`
		Mime    string `answer:"mime"`
		Charset string `answer:"charset"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if len(said.Blocked) > 0 {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s cannot be looked at: %s is not a directory", a.Path, said.Blocked)}
	}
	if said.Absent {
		return tasks.Plan{Values: map[string]any{"stat": map[string]any{"exists": false}}}, nil
	}
	f := strings.Fields(said.Stat)
	if len(f) != 15 {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("stat of %s printed %q, which is not what was asked for", a.Path, said.Stat)}
	}
	raw, err := strconv.ParseInt(f[0], 16, 64)
	if err != nil {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("stat of %s printed the mode %q", a.Path, f[0])}
	}
	whole := func(i int) int { n, _ := strconv.Atoi(f[i]); return n }
	s := map[string]any{
		"exists": true, "path": string(said.Path), "mode": fmt.Sprintf("%04o", raw&0o7777),
		"uid": whole(1), "gid": whole(2), "size": whole(5), "inode": whole(6), "dev": whole(7), "nlink": whole(8),
		"atime": seconds(f[9], said.Atime), "mtime": seconds(f[10], said.Mtime), "ctime": seconds(f[11], said.Ctime), "blocks": whole(12),
		"device_type": deviceNumber(f[13], f[14]),
		"isuid":       raw&0o4000 != 0, "isgid": raw&0o2000 != 0,
		"readable": said.Read, "writeable": said.Write, "executable": said.Execute,
	}
	if f[3] != "UNKNOWN" {
		s["pw_name"] = f[3]
	}
	if f[4] != "UNKNOWN" {
		s["gr_name"] = f[4]
	}
	for name, kind := range map[string]int64{
		"isdir":  0o040000,
		"ischr":  0o020000,
		"isblk":  0o060000,
		"isreg":  0o100000,
		"isfifo": 0o010000,
		"islnk":  0o120000,
		"issock": 0o140000,
	} {
		s[name] = raw&0o170000 == kind
	}
	addRights(s, raw)
	if s["islnk"] == true {
		s["lnk_target"], s["lnk_source"] = string(said.Target), strings.TrimSuffix(string(said.Source), "\n")
		if s["lnk_source"] == "" {
			s["lnk_source"] = path.Join(path.Dir(string(said.Path)), string(said.Target))
		}
	}
	if sum, _, _ := strings.Cut(said.Sum, " "); sum != "" {
		s["checksum"] = sum
	}
	if sum, _, _ := strings.Cut(said.MD5, " "); sum != "" {
		s["md5"] = sum
	}
	if size, err := strconv.Atoi(said.Block); err == nil {
		s["block_size"] = size
	}
	if a.Mime {
		// As in Ansible, where file(1) is missing or says nothing.
		s["mimetype"], s["charset"] = cmp.Or(said.Mime, "unknown"), cmp.Or(said.Charset, "unknown")
		s["mime_type"] = s["mimetype"]
	}
	if a.Attrs {
		s["version"], s["attr_flags"], s["attributes"] = fileAttributes(said.Attrs)
	}
	return tasks.Plan{Values: map[string]any{"stat": s}}, nil
}

// seconds joins whole seconds since 1970 with the part of one that a date such as "2026-11-28 15:21:05.123456789 +0000" has.
func seconds(whole, date string) float64 {
	_, after, _ := strings.Cut(date, ".")
	part, _, _ := strings.Cut(after, " ")
	at, _ := strconv.ParseFloat(whole+"."+part, 64)
	return at
}

// deviceNumber is the number of a device file from its major and minor number in hexadecimal, as the kernel's makedev makes it.
func deviceNumber(major, minor string) int {
	high, _ := strconv.ParseUint(major, 16, 32)
	low, _ := strconv.ParseUint(minor, 16, 32)
	return int(low&0xff | high&0xfff<<8 | low&^0xff<<12 | high&^0xfff<<32)
}

// attributeNames has Ansible's names of the letters that chattr(1) knows.
var attributeNames = map[rune]string{
	'A': "noatime", 'a': "append", 'c': "compressed", 'C': "nocow", 'd': "nodump", 'D': "dirsync", 'e': "extents", 'E': "encrypted",
	'h': "blocksize", 'i': "immutable", 'I': "indexed", 'j': "journalled", 'N': "inline", 's': "zero", 'S': "synchronous", 't': "notail",
	'T': "blockroot", 'u': "undelete", 'X': "compressedraw", 'Z': "compresseddirty",
}

// fileAttributes reads a line of lsattr -vd: the file's version (nil where it is not known), its flags, and their names.
func fileAttributes(line string) (version any, flags string, names []any) {
	names = []any{}
	f := strings.Fields(line)
	if len(f) < 2 {
		return nil, "", names
	}
	flags = strings.ReplaceAll(f[1], "-", "")
	for _, letter := range flags {
		if name := attributeNames[letter]; name != "" {
			names = append(names, name)
		}
	}
	return f[0], flags, names
}

// addRights adds what a mode allows to whom, a key for each, as Ansible names them.
func addRights(file map[string]any, mode int64) {
	for i, name := range []string{"xoth", "woth", "roth", "xgrp", "wgrp", "rgrp", "xusr", "wusr", "rusr"} {
		file[name] = mode>>i&1 != 0
	}
}
