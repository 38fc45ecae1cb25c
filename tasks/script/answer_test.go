package script_test

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/script"
)

func TestDecode(t *testing.T) {
	type space struct {
		Number int    `answer:"space"`
		Owner  string `answer:"owner"`
		Holds  []string
		Whole  []string `answer:"holds"`
	}
	var got struct {
		There   bool        `answer:"there"`
		Missing bool        `answer:"missing"`
		Owner   string      `answer:"said"`
		Size    int64       `answer:"size"`
		Port    int         `answer:"port"`
		Empty   int         `answer:"empty"`
		Names   []string    `answer:"name"`
		Content []byte      `answer:"content"`
		File    script.File `answer:"dest"`
		Spaces  []space     `answer:"space"`
		End     bool        `answer:"end,required"`
		Marker  []string    `answer:"marker.*"`
		private string
		Another string
	}
	out := "there=yes\nmarker.a b=c d\nmarker.\nsaid  a b  \nsize 12345678901\nport 5432\nempty\nname a\nname b c\n" +
		"ignored x\nencoded content\n" +
		base64.StdEncoding.EncodeToString([]byte("x\ny"))[:3] + "\n" + base64.StdEncoding.EncodeToString([]byte("x\ny"))[3:] + "\n.\n" +
		"dest file 644 0 0 root root 7 1 1 2 3\nspace 1\nowner root\nspace 2\nholds a\nholds b\nend yes\n"
	if err := script.Decode([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if !got.There || got.Missing || got.Owner != "a b" || got.Size != 12345678901 || got.Port != 5432 || got.Empty != 0 ||
		string(got.Content) != "x\ny" ||
		got.File.Kind != "file" || got.File.Mode != 0o644 || got.File.Size != 7 || got.private+got.Another != "" {
		t.Errorf("%+v", got)
	}
	if !reflect.DeepEqual(got.Names, []string{"a", "b c"}) || !reflect.DeepEqual(got.Marker, []string{"a b=c d", ""}) ||
		!reflect.DeepEqual(got.Spaces, []space{{Number: 1, Owner: "root"}, {Number: 2, Whole: []string{"a", "b"}}}) {
		t.Errorf("%+v", got)
	}

	for out, want := range map[string]string{
		"there yes\n":                   `no "end"`,
		"port x\nend yes\n":             `"port" is "x"`,
		"encoded content\n*\n.\nend y":  "not base64",
		"dest file\nend yes\n":          "something unexpected",
		"space x\nend yes\n":            `"space" is "x"`,
		"dest file x 0 0 r r 7 1 1 2 3": `the mode "x"`,
	} {
		if err := script.Decode([]byte(out), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, and not %s", out, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("a\nencoded b\neA==\n.\nc 1\n")
	f.Fuzz(func(t *testing.T, out string) {
		var into struct {
			A bool     `answer:"a"`
			B []byte   `answer:"b"`
			C int      `answer:"c"`
			D []string `answer:"d"`
			E []struct {
				F string `answer:"f"`
			} `answer:"e"`
		}
		_ = script.Decode([]byte(out), &into)
	})
}
