package ansible

import (
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/jinja"
)

// What Ansible has for data that is encrypted with Ansible Vault.

func vaultFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"vault":   {Parameters: "secret! salt vault_id wrap_object", Do: encrypt},
		"unvault": {Parameters: "secret! vault_id", Do: decrypt},
	}
}

// filterID is the id of what the filter vault encrypts, where it is given none.
const filterID = "filter_default"

func encrypt(c *jinja.Invocation) (any, error) {
	text, password, err := textAndPassword(c)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if vault.Is([]byte(text)) {
		return nil, errors.New("vault: the text is encrypted already")
	}
	var salt []byte
	if given, ok := c.Bound["salt"]; ok && given != nil {
		if salt = []byte(jinja.Text(given)); len(salt) == 0 {
			return nil, errors.New("vault: the salt is empty")
		}
	}
	return string(vault.Seal([]byte(text), []byte(password), c.Text("vault_id", filterID), salt)), nil
}

func decrypt(c *jinja.Invocation) (any, error) {
	text, password, err := textAndPassword(c)
	if err != nil {
		return nil, fmt.Errorf("unvault: %w", err)
	}
	if !vault.Is([]byte(text)) {
		return text, nil
	}
	keys := &vault.Keyring{Secrets: []vault.Secret{{ID: c.Text("vault_id", filterID), Password: []byte(password)}}}
	if own := c.Run.Options().Vault; own != nil {
		keys.Tell = own.Tell
	}
	return keys.Text(&vault.Value{Text: text})
}

func textAndPassword(c *jinja.Invocation) (text, password string, err error) {
	text, ok := c.Value.(string)
	if !ok {
		return "", "", fmt.Errorf("it needs a string, this is %s", jinja.Describe(c.Value))
	}
	if password, ok = c.Bound["secret"].(string); !ok {
		return "", "", fmt.Errorf("the secret has to be a string, this is %s", jinja.Describe(c.Bound["secret"]))
	}
	return text, password, nil
}

// lookupUnvault is the content of files that are or are not encrypted, as it is.
func lookupUnvault(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		_, data, err := find(r, jinja.Text(term), "files")
		if err != nil {
			return nil, err
		}
		found = append(found, string(data))
	}
	return found, nil
}

// vaultedFile reports whether a file on this machine is encrypted.
func vaultedFile(c *jinja.Invocation) (any, error) {
	o := c.Run.Options()
	if o.Read == nil {
		return nil, errors.New("files cannot be read here")
	}
	data, err := o.Read(jinja.Text(c.Value))
	if err != nil {
		return nil, fmt.Errorf("vaulted_file: %w", err)
	}
	return vault.Is(data), nil
}
