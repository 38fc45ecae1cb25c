package ansible

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/polarbook/polarbook/templates/jinja"
)

// draws are where filters get their random numbers from.
type draws interface {
	// below returns a number from 0 up to, and without, n; n is above 0.
	below(n uint64) uint64
}

// mersenne is the generator of Python's module random, MT19937, so that a seed gives what it gives there. The numbers in it
// are those of Matsumoto and Nishimura.
type mersenne struct {
	state [624]uint32
	at    int
}

// newMersenne is Python's Random(seed) for a seed that is a text, a number or a truth value.
func newMersenne(seed any) (*mersenne, error) {
	var key []uint32
	switch v := seed.(type) {
	case string:
		sum := sha512.Sum512([]byte(v))
		key = digitsOf(append([]byte(v), sum[:]...))
	case bool, int:
		i, _, _, _ := jinja.Number(v)
		key = digitsOfInt(magnitude(i))
	case float64:
		key = digitsOfInt(uint64(hashFloat(v)))
	default:
		return nil, fmt.Errorf("a seed is a text or a number, not %s", jinja.Describe(seed))
	}
	m := &mersenne{}
	m.seed(key)
	return m, nil
}

func magnitude(i int) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

// digitsOf are the words of a number whose bytes begin with the highest, the lowest word first.
func digitsOf(number []byte) []uint32 {
	for len(number)%4 != 0 {
		number = append([]byte{0}, number...)
	}
	key := []uint32{}
	for at := len(number); at > 0; at -= 4 {
		key = append(key, binary.BigEndian.Uint32(number[at-4:]))
	}
	for len(key) > 1 && key[len(key)-1] == 0 {
		key = key[:len(key)-1]
	}
	return key
}

func digitsOfInt(number uint64) []uint32 { return digitsOf(binary.BigEndian.AppendUint64(nil, number)) }

// hashFloat is Python's hash of a float: the number modulo 2**61 - 1, whole numbers having the hash of an integer.
func hashFloat(f float64) int64 {
	switch {
	case math.IsInf(f, 1):
		return 314159
	case math.IsInf(f, -1):
		return -314159
	case math.IsNaN(f):
		return 0
	}
	const size, modulus = 61, uint64(1)<<61 - 1
	fraction, exponent := math.Frexp(math.Abs(f))
	x := uint64(0)
	for fraction != 0 {
		x = x<<28&modulus | x>>(size-28)
		fraction *= 1 << 28
		exponent -= 28
		whole := uint64(fraction)
		fraction -= float64(whole)
		if x += whole; x >= modulus {
			x -= modulus
		}
	}
	if exponent %= size; exponent < 0 {
		exponent += size
	}
	x = x<<exponent&modulus | x>>(size-exponent)
	hash := int64(x)
	if f < 0 {
		hash = -hash
	}
	if hash == -1 {
		return -2
	}
	return hash
}

func (m *mersenne) seed(key []uint32) {
	const size = len(m.state)
	m.state[0] = 19650218
	for at := 1; at < size; at++ {
		m.state[at] = 1812433253*(m.state[at-1]^m.state[at-1]>>30) + uint32(at)
	}
	at, of := 1, 0
	next := func() {
		if at++; at >= size {
			m.state[0] = m.state[size-1]
			at = 1
		}
	}
	for range max(size, len(key)) {
		m.state[at] = (m.state[at] ^ (m.state[at-1]^m.state[at-1]>>30)*1664525) + key[of] + uint32(of)
		of = (of + 1) % len(key)
		next()
	}
	for range size - 1 {
		m.state[at] = (m.state[at] ^ (m.state[at-1]^m.state[at-1]>>30)*1566083941) - uint32(at)
		next()
	}
	m.state[0] = 0x80000000
	m.at = size
}

// word returns 32 random bits.
func (m *mersenne) word() uint32 {
	const size, middle = len(m.state), 397
	if m.at >= size {
		for at := range size {
			y := m.state[at]&0x80000000 | m.state[(at+1)%size]&0x7fffffff
			m.state[at] = m.state[(at+middle)%size] ^ y>>1 ^ y&1*0x9908b0df
		}
		m.at = 0
	}
	y := m.state[m.at]
	m.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// below draws as many bits as n has until they are below it, as Python's _randbelow.
func (m *mersenne) below(n uint64) uint64 {
	size := bits.Len64(n)
	for {
		drawn := uint64(0)
		for at := 0; at < size; at += 32 {
			drawn |= uint64(m.word()>>max(0, 32-(size-at))) << at
		}
		if drawn < n {
			return drawn
		}
	}
}

// fresh draws another number every time.
type fresh struct{ run *jinja.Run }

func (f fresh) below(n uint64) uint64 { return f.run.Random().Uint64N(n) }

// shuffled returns a list in random order, as Python's shuffle leaves it.
func shuffled(items []any, from draws) []any {
	items = slices.Clone(items)
	for at := len(items) - 1; at > 0; at-- {
		other := int(from.below(uint64(at) + 1))
		items[at], items[other] = items[other], items[at]
	}
	return items
}
