package polardb

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// controlNode is the name by which playbooks know the machine that polarbook runs on, as a place for backups.
const controlNode = "localhost"

// backupsHere are the backups in a directory of the control node. Each has a directory of its own that only the user can enter, with its
// description, a note, and dataFile: all that lies on a host, in one archive. So neither capitals nor links matter to the file system.
type backupsHere struct{ dir string }

const (
	dataFile = "data.tar"
	noteFile = "backup.polarbook"
	sumsFile = "SHA256SUMS"
)

// hereFiles are all that polarbook writes in the directory of a backup.
var hereFiles = []string{descriptionFile, descriptionFile + ".new", dataFile, noteFile}

// list reads the backups, or those of the given names. Of the archives it reads the headers.
func (b backupsHere) list(names ...string) (keptBackups, error) {
	var found keptBackups
	root, err := os.OpenRoot(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, fmt.Errorf("list the backups of the control node: %w", err)
	}
	defer root.Close()
	if len(names) == 0 {
		entries, err := fs.ReadDir(root.FS(), ".")
		if err != nil {
			return found, fmt.Errorf("list the backups in %s: %w", b.dir, err)
		}
		for _, e := range entries {
			if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !strings.ContainsFunc(e.Name(), unicode.IsControl) {
				names = append(names, e.Name())
			}
		}
	}
	for _, name := range names {
		if k, there := keptHere(root, name); there && (len(names) == 1 || k.State != "" || len(k.Description) > 0) {
			found.List = append(found.List, k)
		}
	}
	return found, nil
}

// keptHere reads one backup.
func keptHere(root *os.Root, name string) (k keptBackup, there bool) {
	k = keptBackup{Name: name}
	if info, err := root.Lstat(name); err != nil || !info.IsDir() {
		return k, false
	}
	dir, err := root.OpenRoot(name)
	if err != nil {
		k.Unreadable = true
		return k, true
	}
	defer dir.Close()
	for line := range strings.SplitSeq(string(readHere(dir, noteFile, 4096)), "\n") {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "cluster":
			k.Cluster = value
		case "source":
			k.Source = value
		case "taken":
			k.Taken = value
		case "state":
			k.State = value
		}
	}
	k.Description = readHere(dir, descriptionFile, descriptionLimit+1)
	if f, err := dir.Open(dataFile); err == nil {
		defer f.Close()
		k.survey(f)
	}
	return k, true
}

func readHere(dir *os.Root, name string, limit int64) []byte {
	f, err := dir.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil
	}
	return text
}

// survey counts what an archive has, without reading it.
func (k *keptBackup) survey(f io.Reader) {
	var last int64
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil && k.Files > 0: // it ends within the last one
			k.Files, k.Bytes = k.Files-1, k.Bytes-last
			return
		case err != nil:
			return
		case h.Name == sumsFile:
			sum := sha256.New()
			if _, err := io.Copy(sum, r); err == nil {
				k.Sums = hex.EncodeToString(sum.Sum(nil))
			}
		case h.Typeflag == tar.TypeReg:
			last = h.Size
			k.Files, k.Bytes = k.Files+1, k.Bytes+last
		}
	}
}

// prove reads a backup and compares each of its files with the checksum that was written when it was taken. It returns what is wrong; "":
// nothing.
func (b backupsHere) prove(ctx context.Context, name string, d *backupDescription, progress func(done int64)) (string, error) {
	dir, err := b.open(name)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	f, err := dir.Open(dataFile)
	if err != nil {
		return "", fmt.Errorf("read the backup %s: %w", name, err)
	}
	defer f.Close()
	return proveArchive(ctx, f, d, progress)
}

func (b backupsHere) open(name string) (*os.Root, error) {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, fmt.Errorf("open the backups of the control node: %w", err)
	}
	defer root.Close()
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the backup %s of the control node: %w", name, err)
	}
	return dir, nil
}

// nameLimit is the most bytes that a line of the list of checksums has: a checksum and a path.
const nameLimit = 4200

func proveArchive(ctx context.Context, f io.Reader, d *backupDescription, progress func(done int64)) (string, error) {
	var want map[string]string
	var done int64
	for r := tar.NewReader(f); ; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && want != nil:
			for name := range want {
				return fmt.Sprintf("%d files are missing, %s for one", len(want), name), nil
			}
			return "", nil
		case err != nil:
			return "it was cut off, or is no archive: " + err.Error(), nil
		case want == nil && (h.Name != sumsFile || h.Size > d.storedFiles()*nameLimit):
			return "it does not begin with its list of checksums", nil
		case want == nil:
			text, err := io.ReadAll(r)
			if err != nil {
				return "it was cut off: " + err.Error(), nil
			}
			if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != d.Sums.SHA256 {
				return "its list of checksums is not the one that was written", nil
			}
			want = listedSums(text)
		case h.Typeflag == tar.TypeReg:
			sum := sha256.New()
			n, err := io.Copy(sum, r)
			if err != nil {
				return "it was cut off in " + h.Name, nil
			}
			if want[h.Name] != hex.EncodeToString(sum.Sum(nil)) {
				return "this file is not what was written: " + h.Name, nil
			}
			delete(want, h.Name)
			if done += n; progress != nil {
				progress(done)
			}
		}
	}
}

// listedSums reads what sha256sum prints: the checksums of files by their names.
func listedSums(text []byte) map[string]string {
	sums := map[string]string{}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		escaped := bytes.HasPrefix(line, []byte(`\`))
		sum, name, ok := strings.Cut(strings.TrimPrefix(string(line), `\`), "  ")
		if escaped {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(name)
		}
		if ok {
			sums[name] = sum
		}
	}
	return sums
}

// strangers returns what lies in the directory of a backup besides what polarbook writes there.
func (b backupsHere) strangers(name string) ([]string, error) {
	root, err := os.OpenRoot(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the backups of the control node: %w", err)
	}
	defer root.Close()
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at the backup %s of the control node: %w", name, err)
	case !info.IsDir():
		return []string{name}, nil
	}
	entries, err := fs.ReadDir(root.FS(), name)
	if err != nil {
		return nil, fmt.Errorf("look at the backup %s of the control node: %w", name, err)
	}
	var others []string
	for _, e := range entries {
		if !slices.Contains(hereFiles, e.Name()) || !e.Type().IsRegular() {
			others = append(others, e.Name())
		}
	}
	return others, nil
}

func (b backupsHere) holdsOurs(name string) error {
	others, err := b.strangers(name)
	if err == nil && len(others) > 0 {
		err = fmt.Errorf("%s/%s holds what polarbook did not write: %s", b.dir, name, strings.Join(others, " "))
	}
	return err
}

// free returns how many bytes the control node has for a backup.
func (b backupsHere) free() (int64, error) {
	for up := b.dir; ; up = filepath.Dir(up) {
		free, err := freeOf(up)
		if err == nil {
			return free, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || up == filepath.Dir(up) {
			return 0, fmt.Errorf("ask how much is free in %s: %w", b.dir, err)
		}
	}
}

// begin makes the directory of a backup, empties it, and notes that it is begun.
func (b backupsHere) begin(name string, d *backupDescription) (*os.Root, error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for backups: %w", err)
	}
	if err := b.holdsOurs(name); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory for backups: %w", err)
	}
	defer root.Close()
	if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the directory of the backup: %w", err)
	}
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the directory of the backup: %w", err)
	}
	err = dir.Chmod(".", 0o700)
	for _, f := range hereFiles {
		if gone := dir.Remove(f); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	if err == nil {
		err = noteHere(dir, d, "begun")
	}
	if err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("begin the backup in %s/%s: %w", b.dir, name, err)
	}
	return dir, nil
}

func noteHere(dir *os.Root, d *backupDescription, state string) error {
	return writeHere(dir, noteFile, fmt.Appendf(nil, "cluster=%s\nsource=%s\ntaken=%s\nstate=%s\n", d.Cluster, d.Source,
		time.Now().UTC().Format(time.RFC3339), state))
}

func writeHere(dir *os.Root, name string, text []byte) error {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// finishHere makes a backup whole: it describes itself from then on.
func finishHere(dir *os.Root, d *backupDescription) error {
	text, err := d.json()
	if err == nil {
		err = writeHere(dir, descriptionFile+".new", text)
	}
	if err == nil {
		err = dir.Rename(descriptionFile+".new", descriptionFile)
	}
	if err == nil {
		err = noteHere(dir, d, "finished")
	}
	if err != nil {
		return fmt.Errorf("describe the backup: %w", err)
	}
	return nil
}

// remove removes a backup: first what makes it whole.
func (b backupsHere) remove(name string) error {
	if err := b.holdsOurs(name); err != nil {
		return err
	}
	dir, err := b.open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, f := range hereFiles {
		if gone := dir.Remove(f); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			return fmt.Errorf("remove the backup %s: %w", name, gone)
		}
	}
	if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
		return fmt.Errorf("remove the backup %s: %w", name, err)
	}
	return nil
}

// prune removes the backups that have outlived a new one, and returns their names.
func (b backupsHere) prune(cluster, newest string, keep, days int) ([]string, error) {
	found, err := b.list()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(found.List, func(k keptBackup) bool { return k.Name == newest })
	if at < 0 {
		return nil, fmt.Errorf("%s is not in %s", newest, b.dir)
	}
	if _, reason := found.List[at].described(); reason != "" {
		return nil, fmt.Errorf("the new backup %s is not whole: %s", newest, reason)
	}
	var gone []string
	for _, name := range outlived(found.List, cluster, newest, keep, days, time.Now()) {
		if err := b.remove(name); err != nil {
			return gone, err
		}
		gone = append(gone, name)
	}
	return gone, nil
}
