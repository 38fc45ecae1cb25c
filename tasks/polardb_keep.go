package tasks

import (
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type keepArgs struct {
	nodeArgs
	TLS   string `arg:"tls" doc:"the directory, root's own, with the host's certificate and the CAs that it believes; they are kept too"`
	State string `arg:"state,required" choices:"kept restored forgotten" doc:"kept: the files as they are now are kept, unless older ones are; restored: the kept ones are put back; forgotten: nothing is kept any more"`
}

var polardbKeepModule = Define(Module{
	Name:    "polardb_keep",
	Summary: "Keep a node's configuration files while they are changed, and put them back",
	Notes: []string{
		"postgresql.conf, polar_dma.conf, pg_hba.conf and postgresql.auto.conf, and the certificate in tls, are kept under /var/lib/polarbook, where only root can write. A run that was killed in between keeps the oldest.",
	},
	Examples: `- polardb_keep:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    state: kept
`,
}, func(a *keepArgs, _ Local) (Action, error) { return &keepAction{a}, a.check() })

type keepAction struct{ args *keepArgs }

func (k *keepAction) Probe() string {
	return k.args.names().Replace(`[ ! -d @KEPT@ ] || echo kept=yes
for d in @PGDATA@.conf-before @PGDATA@.conf-before.new; do [ ! -e "$d" ] && [ ! -L "$d" ] || echo former=yes; done
:`)
}

func (k *keepAction) Plan(f Found) (Plan, error) {
	a := k.args
	ans := map[string]bool{}
	for line := range strings.FieldsSeq(string(f.Stdout)) {
		ans[line] = true
	}
	kept, former := ans["kept=yes"], ans["former=yes"]
	text := a.names().Replace(script.Preamble + script.Inside + script.RootsOnly + stateScript + `
PGDATA=@PGDATA@ KEPT=@KEPT@ TLS=` + remote.Quote(a.TLS) + `
`)
	switch {
	case a.State == "kept" && !kept:
		return Plan{Change: true, Msg: "keep the configuration files", Script: text + keepScript}, nil
	case a.State == "restored" && !kept:
		return Plan{}, &Failure{Msg: a.kept() + " is not there: no files are kept to be put back"}
	case a.State == "restored":
		return Plan{Change: true, Event: true, Msg: "put the files back that were kept", Script: text + a.names().Replace(restoreScript)}, nil
	case a.State == "forgotten" && (kept || former):
		return Plan{Change: true, Msg: "remove the files that were kept", Script: text + forgetScript}, nil
	}
	return Plan{Msg: "nothing is to be done"}, nil
}

// keepScript takes what a run of an earlier release kept beside PGDATA, if that was killed, and the node's files otherwise.
const keepScript = `umask 077
keep_for_root "${KEPT%/*}"
rm -rf "$KEPT.new"
mkdir "$KEPT.new" || exit 1
from=$PGDATA
if [ -d "$PGDATA.conf-before" ]; then from=$PGDATA.conf-before; fi
inside "$from" || die "$from cannot be entered"
for f in postgresql.conf polar_dma.conf pg_hba.conf postgresql.auto.conf; do
	[ "$f" != postgresql.auto.conf ] || [ -e "./$f" ] || continue
	hold "$f"
	cat <&7 >"$KEPT.new/$f" || exit 1
	exec 7<&-
done
if [ -n "$TLS" ]; then
	for f in server.pem ca.crt; do
		[ ! -f "$TLS/$f" ] || cat "$TLS/$f" >"$KEPT.new/$f" || exit 1
	done
fi
sync
mv -T "$KEPT.new" "$KEPT" && sync || exit 1
` + forgetFormer

const forgetFormer = `spot "$PGDATA" || exit 1
rm -rf -- "./$b.conf-before" "./$b.conf-before.new"
`

const forgetScript = `rm -rf "$KEPT" "$KEPT.new"
` + forgetFormer

// restoreScript writes each file beside its place, as it is opened, and renames it.
const restoreScript = `inside "$PGDATA" || die "$PGDATA cannot be entered"
trap '[ -z "$t" ] || rm -f -- "./$t"' EXIT
for f in postgresql.conf polar_dma.conf pg_hba.conf postgresql.auto.conf; do
	[ -e "$KEPT/$f" ] || continue
	t=.polarbook.$(mktemp -u XXXXXXXX)
	fresh "$t" && cat "$KEPT/$f" >&7 && chown @USER@: $held && chmod 0600 $held && mv -f -T -- "./$t" "./$f" || exit 1
	t=
	exec 7>&-
done
for f in server.pem ca.crt; do
	if [ -n "$TLS" ] && [ -f "$KEPT/$f" ] && [ -d "$TLS" ]; then
		cat "$KEPT/$f" >"$TLS/.polarbook.$f" && chown root:@USER@ "$TLS/.polarbook.$f" && chmod 0640 "$TLS/.polarbook.$f" && mv -f -T "$TLS/.polarbook.$f" "$TLS/$f" || exit 1
	fi
done
sync
`
