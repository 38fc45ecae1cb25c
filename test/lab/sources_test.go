package lab

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMirror(t *testing.T) {
	tests := map[string]struct {
		file, text, environment string
		want                    string
	}{
		"one line": {
			file: "sources.list",
			text: "# deb http://comment.test/debian bookworm main\ndeb-src http://source.test/debian bookworm main\n" +
				"deb http://packages.test/debian bookworm main contrib\n",
			want: "http://packages.test/debian",
		},
		"options": {
			file: "sources.list.d/debian.list",
			text: "deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] https://packages.test/debian trixie main\n",
			want: "https://packages.test/debian",
		},
		"neither security updates nor other people's packages": {
			file: "sources.list",
			text: "deb http://packages.test/debian-security bookworm-security main\ndeb http://other.test/apt bookworm-tools main\n" +
				"deb http://third.test/apt stable tools\n",
		},
		"Ubuntu": {
			file: "sources.list",
			text: "deb http://packages.test/ubuntu noble main restricted\n",
		},
		"stanza": {
			file: "sources.list.d/debian.sources",
			text: "Types: deb\n# URIs: http://comment.test/debian\nURIs: http://packages.test/debian\nSuites: bookworm\n" +
				" bookworm-updates\nComponents:\n main\n",
			want: "http://packages.test/debian",
		},
		"second stanza": {
			file: "sources.list.d/debian.sources",
			text: "Types: deb\nURIs: http://packages.test/debian-security\nSuites: bookworm-security\nComponents: main\n\n" +
				"Types: deb-src deb\nURIs: http://packages.test/debian\nSuites: bookworm\nComponents: main\n",
			want: "http://packages.test/debian",
		},
		"stanza out of use": {
			file: "sources.list.d/debian.sources",
			text: "Enabled: no\nTypes: deb\nURIs: http://packages.test/debian\nSuites: bookworm\nComponents: main\n",
		},
		"a file apt would not read": {
			file: "sources.list.d/debian.list.disabled",
			text: "deb http://packages.test/debian bookworm main\n",
		},
		"said by the environment": {
			file:        "sources.list",
			text:        "deb http://packages.test/debian bookworm main\n",
			environment: "http://nearer.test/debian",
			want:        "http://nearer.test/debian",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, test.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("POLARBOOK_LAB_MIRROR", "")
			t.Setenv("POLARBOOK_LAB_MIRROR_BOOKWORM", test.environment)
			if got := mirror("bookworm", root); got != test.want {
				t.Errorf("mirror is %q, want %q", got, test.want)
			}
		})
	}
}
