package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// reserve gives the lab a name, a network nobody else uses, its keys, and a folder that says all this. From
// then on any process can remove it.
func reserve(o Options) (*Lab, error) {
	unlock, err := lockState()
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := newRecord(o)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(stateDir(r.Name), 0o700); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("start lab %s: there is one of that name: use it, or remove it first", r.Name)
	} else if err != nil {
		return nil, fmt.Errorf("start lab %s: %w", r.Name, err)
	}
	l := newLab(r)
	if err := l.writeFiles(); err != nil {
		return nil, errors.Join(fmt.Errorf("start lab %s: %w", r.Name, err), os.RemoveAll(stateDir(r.Name)))
	}
	return l, nil
}

func newRecord(o Options) (*record, error) {
	r := &record{Name: o.Name, Password: rand.Text()}
	var err error
	if r.Owner, err = thisProcess(); err != nil {
		return nil, err
	}
	if r.Name == "" {
		r.Name = fmt.Sprintf("p%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:6]))
	}
	if o.Keep {
		r.Owner.PID, r.Owner.Started = 0, ""
	}
	if !validName.MatchString(r.Name) {
		return nil, fmt.Errorf("start lab %q: a name is 1 to 30 small letters, digits and hyphens", r.Name)
	}
	if len(o.Hosts) == 0 || len(o.Hosts) > 200 {
		return nil, fmt.Errorf("start lab %s: asked for %d hosts, can do 1 to 200", r.Name, len(o.Hosts))
	}
	if r.Subnet, err = freeSubnet(); err != nil {
		return nil, fmt.Errorf("start lab %s: %w", r.Name, err)
	}
	r.Uplink = fmt.Sprintf("pblab%d", r.Subnet)
	seen := map[string]bool{}
	for i, spec := range o.Hosts {
		switch {
		case !validName.MatchString(spec.Name):
			return nil, fmt.Errorf("start lab %s: host %q: a name is 1 to 30 small letters, digits and hyphens", r.Name, spec.Name)
		case seen[spec.Name]:
			return nil, fmt.Errorf("start lab %s: two hosts are named %s", r.Name, spec.Name)
		case spec.Python && spec.Flavour == "rhel":
			return nil, fmt.Errorf("start lab %s: host %s: a host of flavour rhel has no python to be found", r.Name, spec.Name)
		case (spec.TmpfsPath == "") != (spec.DiskMB == 0) || spec.DiskMB < 0:
			return nil, fmt.Errorf("start lab %s: host %s: TmpfsPath and DiskMB belong together", r.Name, spec.Name)
		}
		seen[spec.Name] = true
		r.Hosts = append(r.Hosts, hostRecord{
			Name:    spec.Name,
			Address: fmt.Sprintf("10.77.%d.%d", r.Subnet, 11+i),
			Release: spec.release(),
			Flavour: spec.flavour(),
		})
	}
	return r, nil
}

// freeSubnet finds an x such that 10.77.x.0/24 is used by no lab and by no network this machine is on.
func freeSubnet() (int, error) {
	all, err := records()
	if err != nil {
		return 0, err
	}
	taken := map[int]bool{}
	for _, r := range all {
		taken[r.Subnet] = true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return 0, fmt.Errorf("list the machine's networks: %w", err)
	}
	for subnet := 1; subnet < 255; subnet++ {
		ours := &net.IPNet{IP: net.IPv4(10, 77, byte(subnet), 0).To4(), Mask: net.CIDRMask(24, 32)}
		for _, address := range addresses {
			theirs, isNetwork := address.(*net.IPNet)
			if isNetwork && (theirs.Contains(ours.IP) || ours.Contains(theirs.IP)) {
				taken[subnet] = true
			}
		}
		if !taken[subnet] {
			return subnet, nil
		}
	}
	return 0, errors.New("all networks from 10.77.1.0/24 to 10.77.254.0/24 are in use")
}

func (l *Lab) writeFiles() error {
	state := stateDir(l.record.Name)
	cgroup, err := l.cgroup()
	if err != nil {
		return err
	}
	if err := unpackScripts(runFiles, "run", state); err != nil {
		return err
	}
	netnses := []string{l.netns()}
	for _, h := range l.hosts {
		netnses = append(netnses, h.netns())
	}
	err = writeSettings(filepath.Join(state, "settings"), [][2]string{
		{"cgroup", cgroup},
		{"uplink", l.record.Uplink},
		{"gateway", l.gateway()},
		{"lab_netns", l.netns()},
		{"netnses", strings.Join(netnses, " ")},
	})
	if err != nil {
		return err
	}
	if _, err := newKey(l.KeyFile()); err != nil {
		return err
	}
	var known strings.Builder
	for i, h := range l.hosts {
		if err := os.MkdirAll(h.dir(), 0o755); err != nil {
			return err
		}
		key, err := newKey(h.hostKeyFile())
		if err != nil {
			return err
		}
		h.HostKey = h.Address + " " + key
		l.record.Hosts[i].HostKey = h.HostKey
		known.WriteString(h.HostKey + "\n")
	}
	if err := os.WriteFile(l.KnownHosts(), []byte(known.String()), 0o600); err != nil {
		return err
	}
	return l.record.save()
}

// newKey writes a private key in OpenSSH's form to path, and the public one beside it.
func newKey(path string) (public string, err error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "polarbook-lab")
	if err != nil {
		return "", err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return "", err
	}
	public = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", err
	}
	return public, os.WriteFile(path+".pub", []byte(public+"\n"), 0o644)
}

// writeSettings writes values in the form that a shell reads with its dot command.
func writeSettings(path string, values [][2]string) error {
	var text strings.Builder
	for _, v := range values {
		_, _ = fmt.Fprintf(&text, "%s=%s\n", v[0], quote(v[1]))
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func (l *Lab) netns() string   { return "polarbook-lab-" + l.record.Name }
func (l *Lab) gateway() string { return fmt.Sprintf("10.77.%d.1", l.record.Subnet) }

func (l *Lab) cgroup() (string, error) {
	root, err := cgroupRoot()
	return filepath.Join(root, "polarbook-lab-"+l.record.Name), err
}
