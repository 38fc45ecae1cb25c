package builtin

import (
	"os"
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestPackageFacts(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		taskstest.Pretend(t, dir, map[string]string{
			"apt-get": "exit 1\n",
			"dpkg":    "echo amd64\n",
			"dpkg-query": `case $3 in *Status*) echo 'apt installed|tar|amd64|1.34|utils'; echo 'apt installed|mine|all|2|misc' ;;` + "\n" +
				`x) printf xx ;; *) echo tar; echo mine ;; esac` + "\n",
			"apt-cache": `if [ $# -gt 1 ]; then cat <<'E'
tar:
  Installed: 1.34
  Candidate: 1.35
  Version table:
     1.35 500
        500 http://mirror.lan/debian sid/main amd64 Packages
 *** 1.34 500
        500 http://mirror.lan/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
mine:
  Installed: 2
  Candidate: 2
  Version table:
 *** 2 100
        100 /var/lib/dpkg/status
E
else cat <<'E'
Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://mirror.lan/debian bookworm/main amd64 Packages
     release v=12.5,o=Debian,a=stable,n=bookworm,l=Debian,c=main,b=amd64
     origin mirror.lan
 500 http://mirror.lan/debian sid/main amd64 Packages
     release o=Other,a=unstable
Pinned packages:
E
fi
`,
			"rpm": "exit 1\n",
		})
		plan := taskstest.MustNotChange(t, h, "package_facts", map[string]any{"manager": []any{"rpm", "auto"}}, &taskstest.FakeLocal{})
		want := map[string]any{"packages": map[string]any{
			"tar":  []any{map[string]any{"name": "tar", "version": "1.34", "arch": "amd64", "category": "utils", "origin": "Debian", "source": "apt"}},
			"mine": []any{map[string]any{"name": "mine", "version": "2", "arch": "all", "category": "misc", "origin": "", "source": "apt"}},
		}}
		if got := plan.Values["ansible_facts"]; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	})
}
