package ordered

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// MarshalJSON writes the mapping in order.
func (m *Map) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // who encodes the whole decides; it goes over this once more
	write := func(value any) error {
		if err := encoder.Encode(value); err != nil {
			return err
		}
		out.Truncate(out.Len() - 1) // the line end
		return nil
	}
	out.WriteByte('{')
	first := true
	for key, value := range m.All() {
		if !first {
			out.WriteByte(',')
		}
		first = false
		if err := write(key); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := write(value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// UnmarshalJSON reads an object as DecodeJSON does, in place of what the mapping holds.
func (m *Map) UnmarshalJSON(text []byte) error {
	value, err := DecodeJSON(text)
	if err != nil {
		return err
	}
	read, ok := value.(*Map)
	if !ok {
		return errors.New("this is not a JSON object")
	}
	*m = *read
	return nil
}

// maximumDepth bounds how deeply JSON may nest, as encoding/json does.
const maximumDepth = 10_000

// DecodeJSON reads one JSON value: objects as *Map in the order of the text, arrays as []any, numbers as json.Number. Of a
// key that an object has twice the later value counts, as everywhere.
func DecodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	value, err := decodeJSON(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrTrailing
	}
	return value, nil
}

// ErrTrailing is returned by DecodeJSON for a text that goes on after its value.
var ErrTrailing = errors.New("something follows the JSON value")

func decodeJSON(decoder *json.Decoder, depth int) (any, error) {
	if depth > maximumDepth {
		return nil, fmt.Errorf("JSON nests deeper than %d levels", maximumDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		if depth > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		m := New(0)
		for decoder.More() {
			key, err := decodeJSON(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			value, err := decodeJSON(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			m.Set(key.(string), value)
		}
		return m, closed(decoder)
	case json.Delim('['):
		items := []any{}
		for decoder.More() {
			item, err := decodeJSON(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		return items, closed(decoder)
	}
	return token, nil
}

func closed(decoder *json.Decoder) error {
	_, err := decoder.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// MarshalYAML gives the mapping to gopkg.in/yaml.v3, in order.
func (m *Map) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for key, value := range m.All() {
		name, content := &yaml.Node{}, &yaml.Node{}
		if err := name.Encode(key); err != nil {
			return nil, err
		}
		if err := content.Encode(value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, name, content)
	}
	return node, nil
}
