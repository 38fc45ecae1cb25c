package server

import (
	"net"
	"os/user"
	"strconv"
	"syscall"
)

// peerName returns the operating system's name of whoever is at the other end of a Unix socket.
func peerName(conn net.Conn) string {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return ""
	}
	name := ""
	_ = raw.Control(func(fd uintptr) {
		credentials, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err != nil {
			return
		}
		if u, err := user.LookupId(strconv.Itoa(int(credentials.Uid))); err == nil {
			name = u.Username
		}
	})
	return name
}
