package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// theirDirectory is a directory of another account, in which root works.
func theirDirectory(t *testing.T) (string, int) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	dir, err := os.MkdirTemp("", "theirs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	return dir, uid
}

// The owner of a directory puts links in the place of whatever appears there, as fast as can be.
func TestUploadsFollowNoLinkOfAnother(t *testing.T) {
	t.Parallel()
	dir, uid := theirDirectory(t)
	precious := filepath.Join(t.TempDir(), "precious")
	writeFile(t, precious, "mine")
	stop, done := make(chan struct{}), sync.WaitGroup{}
	done.Add(1)
	go func() {
		defer done.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			names, _ := os.ReadDir(dir)
			for _, n := range names {
				path := filepath.Join(dir, n.Name())
				if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
					os.Symlink(precious, path+".link")
					os.Rename(path+".link", path)
				}
			}
		}
	}()
	s := startSSHD(t).shell(t)
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for _, size := range []int{10, smallUpload + 1, 5 << 20} {
		for range rounds {
			// It may fail. What it may not do is touch another file.
			_ = s.Upload(testContext(t), Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/f",
				Mode: 0o644, Owner: "nobody"})
		}
	}
	close(stop)
	done.Wait()
	var st syscall.Stat_t
	if err := syscall.Stat(precious, &st); err != nil || st.Uid != 0 || st.Mode&0o777 != 0o600 {
		t.Errorf("the other file belongs to %d with mode %o, %v", st.Uid, st.Mode, err)
	}
	if got, _ := os.ReadFile(precious); string(got) != "mine" {
		t.Errorf("the other file has %d bytes of something else", len(got))
	}
	for _, size := range []int{10, 5 << 20} { // left in peace, it works
		os.Remove(dir + "/f")
		err := s.Upload(testContext(t), Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/f", Owner: "nobody"})
		if err != nil {
			t.Fatal(err)
		}
		checkOwner(t, dir+"/f", uid)
		if got, _ := os.ReadFile(dir + "/f"); !bytes.Equal(got, content(size)) {
			t.Errorf("%d bytes are not what was sent", size)
		}
	}
}

func TestUploadsThroughLinksOfAnother(t *testing.T) {
	t.Parallel()
	dir, uid := theirDirectory(t)
	ours := t.TempDir()
	theirs, _ := theirDirectory(t)
	s := startSSHD(t).shell(t)
	for link, to := range map[string]string{"ours": ours, "theirs": theirs, "etc": "/etc"} {
		if err := os.Symlink(to, dir+"/"+link); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(dir+"/"+link, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{10, smallUpload + 10} {
		for link, fine := range map[string]bool{"ours": false, "theirs": true} {
			err := s.Upload(testContext(t), Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/" + link + "/f"})
			if fine != (err == nil) || !fine && !strings.Contains(err.Error(), "it is not followed") {
				t.Errorf("%d bytes through a link to %s: %v", size, link, err)
			}
		}
		// A link in the place of the file is replaced, though it leads to a directory.
		if err := s.Upload(testContext(t), Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/etc"}); err != nil {
			t.Error(err)
		}
		if info, err := os.Lstat(dir + "/etc"); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%v %v", info, err)
		}
		// A link of root leads where it leads.
		os.Symlink(ours, theirs+"link")
		defer os.Remove(theirs + "link")
		err := s.Upload(testContext(t), Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: theirs + "link/f"})
		if err != nil {
			t.Error(err)
		}
		os.Remove(ours + "/f")
	}
	if names, _ := os.ReadDir(ours); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestUploadsSweepWhatOthersLeft(t *testing.T) {
	their, _ := theirDirectory(t)
	s := startSSHD(t).shell(t)
	for _, dir := range []string{t.TempDir(), their} {
		for _, size := range []int{10, smallUpload + 10} {
			left := []string{".f.0123456789abcdef.part", ".staged-0123"}
			for _, name := range append(left, ".g.0123456789abcdef.part", "staged") {
				writeFile(t, dir+"/"+name, "x")
			}
			err := s.Upload(testContext(t), Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/f",
				Sweep: []string{".staged-????"}})
			if err != nil {
				t.Fatal(err)
			}
			names, _ := os.ReadDir(dir)
			if len(names) != 3 || names[0].Name() != ".g.0123456789abcdef.part" || names[1].Name() != "f" || names[2].Name() != "staged" {
				t.Errorf("%d bytes: there is %v", size, names)
			}
			os.Remove(dir + "/f")
		}
	}
	// What others upload meanwhile on this machine lies there too.
	where := sha256.Sum256([]byte(their + "/f"))
	if names, _ := filepath.Glob("/var/lib/polarbook/stage/" + hex.EncodeToString(where[:8]) + ".*"); len(names) > 0 {
		t.Errorf("the stage has %v", names)
	}
}

func TestAFullDiskIsNamedAndNotLeftFull(t *testing.T) {
	t.Parallel()
	for name, owner := range map[string]string{"ours": "root", "another's": "nobody"} {
		t.Run(name, func(t *testing.T) {
			dir, _ := theirDirectory(t)
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "none", dir).CombinedOutput(); err != nil {
				t.Skipf("cannot mount: %s", out)
			}
			defer exec.Command("umount", "-l", dir).Run()
			exec.Command("chown", owner, dir).Run()
			s := startSSHD(t).shell(t)
			for _, sftp := range []bool{true, false} {
				s.noSFTP = !sftp
				for _, size := range []int{60 << 10, 10 << 20} {
					if size < 1<<20 {
						writeFile(t, dir+"/filler", strings.Repeat("x", 4<<20-40<<10))
					}
					u := Upload{Source: bytes.NewReader(content(size)), Size: int64(size), Path: dir + "/f"}
					if err := s.Upload(testContext(t), u); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") {
						t.Errorf("SFTP %v, %d bytes: %v", sftp, size, err)
					}
					os.Remove(dir + "/filler")
					if names, _ := os.ReadDir(dir); len(names) > 0 {
						t.Errorf("SFTP %v, %d bytes: left behind: %v", sftp, size, names)
					}
					u.Size = 1 << 20
					u.SHA256 = ""
					if err := s.Upload(testContext(t), u); size > 1<<20 && err != nil {
						t.Errorf("with room again: %v", err)
					}
					os.Remove(dir + "/f")
				}
			}
		})
	}
}
