// Command trap plays a database server that wants to learn passwords. trap FILE ADDRESS... listens on each address
// (host:port, or the path of a socket), asks clients in turn for a password in clear, by md5, by SCRAM, and for none, and
// writes to FILE what it was told.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

var (
	mu    sync.Mutex
	turn  int
	plays = []string{"clear", "md5", "scram", "none"}
)

func main() {
	out, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, address := range os.Args[2:] {
		network := "tcp"
		if strings.HasPrefix(address, "/") {
			network = "unix"
			_ = os.Remove(address)
		}
		l, err := net.Listen(network, address)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if network == "unix" {
			_ = os.Chmod(address, 0o777)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go serve(conn, out)
			}
		}()
	}
	fmt.Fprintln(out, "ready")
	select {}
}

func message(kind byte, body []byte) []byte {
	return append(append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...), body...)
}

func request(method uint32, more string) []byte {
	return message('R', append(binary.BigEndian.AppendUint32(nil, method), more...))
}

func serve(conn net.Conn, out io.Writer) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	mu.Lock()
	play := plays[turn%len(plays)]
	turn++
	mu.Unlock()
	note := func(what string, b []byte) {
		if len(b) == 0 {
			return // who only looks whether somebody is there says nothing
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%s %s %s %q\n", what, play, conn.LocalAddr(), b)
	}
	buffer := make([]byte, 8192)
	read := func() []byte {
		n, _ := conn.Read(buffer)
		return buffer[:n]
	}
	first := read()
	note("startup", first)
	if len(first) == 8 { // SSLRequest
		_, _ = conn.Write([]byte("N"))
		note("startup", read())
	}
	switch play {
	case "clear":
		_, _ = conn.Write(request(3, ""))
	case "md5":
		_, _ = conn.Write(request(5, "salt"))
	case "none":
		_, _ = conn.Write(append(request(0, ""), message('Z', []byte("I"))...))
	case "scram":
		_, _ = conn.Write(request(10, "SCRAM-SHA-256\x00\x00"))
		said := read()
		note("told", said)
		if _, nonce, ok := strings.Cut(string(said), "r="); ok {
			_, _ = conn.Write(request(11, "r="+nonce+"x,s=c2FsdHNhbHRzYWx0c2FsdA==,i=1"))
		}
	}
	for said := read(); len(said) > 0; said = read() {
		note("told", said)
	}
}
