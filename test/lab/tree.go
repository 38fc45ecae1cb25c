package lab

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed image flavour
var imageFiles embed.FS

// debianKeyring holds the keys that Debian's releases are signed with, from the package of that name.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// firstRelease is the one built with the machine's keyring; it brings the keys of all the others.
const firstRelease = "bookworm"

// firstFlavour is Debian as it is.
const firstFlavour = "debian"

var basePackages = []string{
	"systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo", "passwd",
	"iproute2", "iputils-ping", "procps", "locales", "tzdata",
}

// releasePackages are what PolarDB's programs, built on that release, are linked with.
var releasePackages = map[string][]string{
	"bullseye": nil,
	"bookworm": {"libprotobuf32", "libssl3", "libreadline8", "zlib1g", "libstdc++6"},
	"trixie":   nil,
}

// flavours are what a Debian tree can be made into, by customize.sh in the folder of that name, and the packages that
// takes.
var flavours = map[string][]string{
	"debian":  nil,
	"rhel":    {"rpm", "dnf", "createrepo-c", "firewalld", "nftables", "netbase", "gawk", "selinux-utils"},
	"busybox": {"busybox"},
}

// cacheRoot returns where trees are kept: a tarball, which a build service may keep between runs, and the same
// unpacked, which hosts are started on.
func cacheRoot() string {
	if root := os.Getenv("POLARBOOK_LAB_CACHE"); root != "" {
		return root
	}
	return "/var/cache/polarbook-lab"
}

// Tree returns the folder of an unpacked Debian of a release (bookworm, bullseye or trixie) with these packages beside the
// hosts' own. It is what hosts are started on, so nobody may write to it; a program of it is run by chroot. The first call
// takes minutes where the packages are many, for it is built then.
func Tree(ctx context.Context, release string, packages []string, log io.Writer) (string, error) {
	return tree(ctx, firstFlavour, release, packages, log)
}

// tree returns the folder of an unpacked Debian tree, which it makes when it is not there yet: some 30
// seconds and 50 MB of packages for a release that was never asked for, 2 seconds when there is a tarball.
func tree(ctx context.Context, flavour, release string, extra []string, log io.Writer) (string, error) {
	if _, known := releasePackages[release]; !known {
		return "", fmt.Errorf("make a host of Debian %q: only bullseye, bookworm and trixie are known", release)
	}
	if _, known := flavours[flavour]; !known {
		return "", fmt.Errorf("make a host of flavour %q: only %s are known", flavour, strings.Join(slices.Sorted(maps.Keys(flavours)), ", "))
	}
	keyring := filepath.Dir(debianKeyring)
	if release != firstRelease {
		first, err := tree(ctx, firstFlavour, firstRelease, nil, log)
		if err != nil {
			return "", err
		}
		keyring = filepath.Join(first, keyring)
	}
	packages := slices.Concat(basePackages, releasePackages[release], flavours[flavour], extra)
	slices.Sort(packages)
	packages = slices.Compact(packages)
	name, err := treeName(flavour, release, packages)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cacheRoot(), name)
	unlock, err := lock(folder + ".lock") // others may be built meanwhile
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	tarball := folder + ".tar.zst"
	if _, err := os.Stat(tarball); errors.Is(err, fs.ErrNotExist) {
		_, _ = fmt.Fprintf(log, "lab: building the %s tree of Debian %s, %s, once\n", flavour, release, folder)
		if err := build(ctx, flavour, release, packages, keyring, tarball); err != nil {
			return "", fmt.Errorf("build a %s tree of Debian %s from mirror %q: %w", flavour, release, mirror(release, "/etc/apt"), err)
		}
	}
	unfinished := folder + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", fmt.Errorf("unpack %s: %w", tarball, err)
	}
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		return "", fmt.Errorf("unpack %s: %w", tarball, err)
	}
	err = run(ctx, "tar", "--extract", "--zstd", "--numeric-owner", "--xattrs", "--xattrs-include=*",
		"--file", tarball, "--directory", unfinished)
	if err != nil {
		return "", fmt.Errorf("unpack %s (remove it to have it built again): %w", tarball, err)
	}
	if err := os.Rename(unfinished, folder); err != nil {
		return "", fmt.Errorf("unpack %s: %w", tarball, err)
	}
	return folder, nil
}

// treeName names a tree by all that it is made from, so that a change here never meets an old tree.
func treeName(flavour, release string, packages []string) (string, error) {
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, release, packages)
	folders, name := []string{"image"}, release
	if flavour != firstFlavour {
		folders, name = append(folders, flavourFolder(flavour)), flavour+"-"+release
	}
	for _, folder := range folders {
		err := fs.WalkDir(imageFiles, folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := imageFiles.ReadFile(path)
			_, _ = fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("name a %s tree of Debian %s: %w", flavour, release, err)
		}
	}
	return name + "-" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}

func flavourFolder(flavour string) string { return "flavour/" + flavour }

func build(ctx context.Context, flavour, release string, packages []string, keyring, tarball string) error {
	work, err := os.MkdirTemp("", "polarbook-lab-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := unpackScripts(imageFiles, "image", work); err != nil {
		return err
	}
	made := ""
	if flavour != firstFlavour {
		if err := unpackScripts(imageFiles, flavourFolder(flavour), work); err != nil {
			return err
		}
		made = filepath.Join(work, flavourFolder(flavour))
	}
	settings, err := aptSettings(ctx)
	if err != nil {
		return err
	}
	aptOptions := filepath.Join(work, "apt.conf")
	if err := os.WriteFile(aptOptions, []byte(settings), 0o600); err != nil {
		return err
	}
	image := filepath.Join(work, "image")
	unfinished := filepath.Join(filepath.Dir(tarball), "unfinished-"+filepath.Base(tarball))
	arguments := []string{
		filepath.Join(image, "tree.sh"), release, strings.Join(packages, ","), keyring, aptOptions, image, made, unfinished,
	}
	if uri := mirror(release, "/etc/apt"); uri != "" {
		arguments = append(arguments, uri)
	}
	if err := run(ctx, "sh", arguments...); err != nil {
		return err
	}
	return os.Rename(unfinished, tarball)
}

// aptSettings returns those of the machine's apt settings that say how a mirror is reached: proxies, clocks that
// are off, retries.
func aptSettings(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask apt-config for the machine's settings: %w", err)
	}
	var settings strings.Builder
	for line := range strings.Lines(string(output)) {
		for _, prefix := range []string{"Acquire::http", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv"} {
			if strings.HasPrefix(line, prefix) {
				settings.WriteString(line)
			}
		}
	}
	return settings.String(), nil
}

// unpackScripts writes an embedded folder below dir.
func unpackScripts(files embed.FS, folder, dir string) error {
	entries, err := files.ReadDir(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := files.ReadFile(folder + "/" + entry.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, folder, entry.Name()), text, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program to its end; its error holds what the program had to say.
func run(ctx context.Context, program string, arguments ...string) error {
	output, err := exec.CommandContext(ctx, program, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(output)))
	}
	return nil
}
