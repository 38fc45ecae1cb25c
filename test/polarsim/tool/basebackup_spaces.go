package tool

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/test/polarsim/datadir"
)

// mapping reads OLDDIR=NEWDIR, in which \= stands for an equal sign.
func mapping(given []string) (map[string]string, error) {
	moves := map[string]string{}
	for _, text := range given {
		parts := strings.Split(strings.ReplaceAll(text, `\=`, "\x00"), "=")
		for i := range parts {
			parts[i] = strings.ReplaceAll(parts[i], "\x00", "=")
		}
		switch {
		case len(parts) > 2:
			return nil, fmt.Errorf("multiple \"=\" signs in tablespace mapping")
		case len(parts) != 2 || parts[0] == "" || parts[1] == "":
			return nil, fmt.Errorf("invalid tablespace mapping format \"%s\", must be \"OLDDIR=NEWDIR\"", text)
		case !filepath.IsAbs(parts[0]):
			return nil, fmt.Errorf("old directory is not an absolute path in tablespace mapping: %s", parts[0])
		case !filepath.IsAbs(parts[1]):
			return nil, fmt.Errorf("new directory is not an absolute path in tablespace mapping: %s", parts[1])
		}
		moves[filepath.Clean(parts[0])] = parts[1]
	}
	return moves, nil
}

// moved returns where a location on the server goes to.
func (b *backup) moved(location string) string {
	if to, ok := b.moves[location]; ok {
		return to
	}
	return location
}

// takeSpaces hears which tablespaces come, and wants an empty directory for each.
func (b *backup) takeSpaces(told []byte) error {
	if err := json.Unmarshal(told, &b.locations); err != nil {
		return err
	}
	for _, location := range b.locations {
		to := b.moved(location)
		if _, err := claim(to); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, datadir.SpaceVersion), 0o700); err != nil {
			return err
		}
	}
	return nil
}
