package crypto

import (
	"context"
	"crypto/rand"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
)

type dhArgs struct {
	files.Attributes
	Path    string `arg:"path,required,path" doc:"File of the parameters."`
	State   string `arg:"state" default:"present" choices:"absent present" doc:"Have it, or remove it."`
	Size    int    `arg:"size" default:"4096" doc:"Bits of the prime, from 512. 2048 take seconds, 4096 minutes."`
	Force   bool   `arg:"force" default:"false" doc:"Make others in any case."`
	Backup  bool   `arg:"backup" default:"false" doc:"Keep a copy of the file before."`
	Return  bool   `arg:"return_content" default:"false" doc:"Return the parameters as dhparams."`
	Backend string `arg:"select_crypto_backend" default:"auto" choices:"auto cryptography openssl" doc:"Who looks for the prime: openssl on the host, polarbook itself on the control node (cryptography), or the first of them that is there."`
}

var dhModule = tasks.Define(tasks.Module{
	Name: "openssl_dhparam", Collections: collection,
	Summary: "Make parameters for Diffie-Hellman",
	Notes: []string{
		"The generator is 2. Parameters that are there and have the size are kept, without a test of their prime, as in Ansible. Check mode " +
			"looks for no prime.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "filename", Type: "str", Doc: "the file"}, {Name: "size", Type: "int", Doc: "as asked for"},
		{Name: "dhparams", Type: "str", Doc: "the parameters, with return_content"},
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
	},
	Examples: `
- openssl_dhparam: {path: /etc/ssl/dhparams.pem, size: 2048}
`,
}, func(a *dhArgs, l tasks.Local) (tasks.Action, error) {
	if a.State == "present" && (a.Size < 512 || a.Size > 16384) {
		return nil, &tasks.ArgError{Module: "openssl_dhparam", Arg: "size", Problem: "has to be from 512 to 16384"}
	}
	gone := map[string]any{"size": a.Size}
	if a.Return {
		gone["dhparams"] = nil
	}
	d := &dhMaker{dhArgs: a, asking: l.Check()}
	return newFile("openssl_dhparam", fileArgs{a.Attributes, a.Path, a.State, a.Backup, gone}, l, d)
})

// dhMaker makes the text of a file of parameters.
type dhMaker struct {
	*dhArgs
	asking bool
	found  []byte // made once for a task
}

func (d *dhMaker) sources() []source { return nil }
func (d *dhMaker) hidden() bool      { return false }

// prepare looks for the parameters, which takes its time, where those that are there are to be replaced.
func (d *dhMaker) prepare(ctx context.Context, h tasks.Host, text []byte) error {
	if d.asking || d.found != nil || d.kept(text) {
		return nil
	}
	if d.Backend != "cryptography" {
		made, err := d.onHost(ctx, h)
		if err != nil || made {
			return err
		}
	}
	h.Say(fmt.Sprintf("looking for a prime of %d bits", d.Size))
	p, err := safePrime(ctx, rand.Reader, d.Size)
	if err != nil {
		return err
	}
	d.found, err = encodeDH(p)
	return err
}

// onHost has the host's openssl look for the parameters. It reports false where there is none.
func (d *dhMaker) onHost(ctx context.Context, h tasks.Host) (bool, error) {
	const none = 77
	r, err := h.Shell().Run(ctx, remote.Command{Script: "command -v openssl >/dev/null 2>&1 || exit " + strconv.Itoa(none) +
		"\nexec openssl dhparam -2 -outform PEM " + strconv.Itoa(d.Size) + " 2>&1\n"})
	switch {
	case err != nil:
		return false, err
	case r.Status == none && d.Backend == "openssl":
		return false, &tasks.Failure{Msg: "the host has no openssl", Hint: "install it, or leave select_crypto_backend out"}
	case r.Status == none:
		return false, nil
	}
	// Dots for each number that was tried are in between, as both streams are one.
	text := string(r.Stdout)
	if i := strings.Index(text, "-----BEGIN"); i >= 0 {
		text = text[i:]
	}
	if p := decodeDH([]byte(text)); r.Status != 0 || p == nil || p.BitLen() != d.Size {
		return false, &tasks.Failure{Msg: fmt.Sprintf("openssl dhparam made no parameters: status %d", r.Status),
			Values: map[string]any{"stdout": text}}
	}
	d.found = []byte(text)
	return true, nil
}

func (d *dhMaker) kept(text []byte) bool {
	p := decodeDH(text)
	return p != nil && p.BitLen() == d.Size && !d.Force
}

func (d *dhMaker) make(text []byte, _ []given) (made, error) {
	m := made{text: text, values: map[string]any{"filename": d.Path, "size": d.Size}}
	switch {
	case d.kept(text):
	case d.asking:
		m.text, m.msg = []byte("new parameters\n"), "make the parameters "+d.Path
	case d.found == nil:
		return m, errors.New("nothing was looked for")
	default:
		m.text, m.msg = d.found, "make the parameters "+d.Path
	}
	if d.Return {
		m.values["dhparams"] = written(m.text, text, d.asking)
	}
	return m, nil
}

// dhParams are what a file of parameters holds (PKCS #3).
type dhParams struct {
	P, G   *big.Int
	Length int `asn1:"optional"`
}

// decodeDH returns the prime of parameters in PEM; nil: they are none.
func decodeDH(text []byte) *big.Int {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "DH PARAMETERS" {
		return nil
	}
	var d dhParams
	if _, err := asn1.Unmarshal(block.Bytes, &d); err != nil || d.P.Sign() <= 0 {
		return nil
	}
	return d.P
}

func encodeDH(p *big.Int) ([]byte, error) {
	der, err := asn1.Marshal(struct{ P, G *big.Int }{p, big.NewInt(2)})
	return pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der}), err
}

// Candidates for a prime are tried in windows: small primes strike most of them out first.
const (
	dhWindow = 1 << 18
	dhSmall  = 1 << 17
)

// safePrime returns a prime p with exactly that many bits, of which (p-1)/2 is one as well and whose squares 2 is one of: p is 23
// modulo 24 then, as OpenSSL has it for the generator 2.
func safePrime(ctx context.Context, random io.Reader, bits int) (*big.Int, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	small := smallPrimes(dhSmall)
	n := runtime.GOMAXPROCS(0)
	found := make(chan *big.Int, n)
	failed := make(chan error, n)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				start, err := dhStart(random, bits)
				if err != nil {
					failed <- err
					return
				}
				if p := searchWindow(ctx, start, small, bits); p != nil {
					found <- p
					return
				}
			}
		})
	}
	defer all.Wait()
	defer stop()
	select {
	case p := <-found:
		return p, nil
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dhStart returns a random number whose two highest bits are set and that is 23 modulo 24.
func dhStart(random io.Reader, bits int) (*big.Int, error) {
	n, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), uint(bits-2)))
	if err != nil {
		return nil, err
	}
	n.Add(n, new(big.Int).Lsh(big.NewInt(3), uint(bits-2)))
	rest := new(big.Int).Mod(n, big.NewInt(24))
	return n.Add(n, big.NewInt(23-rest.Int64())), nil
}

func searchWindow(ctx context.Context, start *big.Int, small []uint32, bits int) *big.Int {
	struck := make([]bool, dhWindow)
	rest := new(big.Int)
	for _, prime := range small {
		// start + 24i is 0 modulo the prime, or 1, where half of it is 0.
		r := int64(prime)
		at := rest.Mod(start, big.NewInt(r)).Int64()
		inverse := new(big.Int).ModInverse(big.NewInt(24%r), big.NewInt(r)).Int64()
		for _, bad := range []int64{0, 1} {
			first := ((bad - at + r) % r) * inverse % r
			for i := first; i < dhWindow; i += r {
				struck[i] = true
			}
		}
	}
	p, q := new(big.Int), new(big.Int)
	for i, no := range struck {
		if no {
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		p.Add(start, big.NewInt(int64(24*i)))
		q.Rsh(p, 1)
		const rounds = 20
		if p.BitLen() == bits && q.ProbablyPrime(0) && p.ProbablyPrime(rounds) && q.ProbablyPrime(rounds) {
			return p
		}
	}
	return nil
}

// smallPrimes are those from 5 to a limit: no number that is 23 modulo 24 is a multiple of 2 or 3, nor is half of it.
func smallPrimes(limit int) []uint32 {
	struck := make([]bool, limit)
	var all []uint32
	for i := 2; i < limit; i++ {
		if struck[i] {
			continue
		}
		if i > 3 {
			all = append(all, uint32(i))
		}
		for j := 2 * i; j < limit; j += i {
			struck[j] = true
		}
	}
	return all
}
