package server

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/polarbook/polarbook/test/polarsim/sql"
)

func format(codes []int16, i int) int16 {
	switch {
	case len(codes) == 0:
		return 0
	case len(codes) == 1:
		return codes[0]
	case i < len(codes):
		return codes[i]
	}
	return 0
}

var sizes = map[uint32]int16{sql.Bool: 1, sql.Int2: 2, sql.Int4: 4, sql.OID: 4, sql.XID: 4, sql.Int8: 8, sql.Float4: 4,
	sql.Float8: 8, sql.Timestamptz: 8, sql.Timestamp: 8, sql.LSN: 8, sql.Name: 64, sql.Interval: 16, sql.Date: 4}

func description(columns []sql.ResultColumn, formats []int16) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{}}
	for i, column := range columns {
		size, ok := sizes[column.Type]
		if !ok {
			size = -1
		}
		d.Fields = append(d.Fields, pgproto3.FieldDescription{Name: []byte(column.Name), DataTypeOID: column.Type, DataTypeSize: size,
			TypeModifier: -1, Format: format(formats, i)})
	}
	return d
}

func (c *session) rows(result *sql.Result, formats []int16) error {
	for _, row := range result.Rows {
		data := &pgproto3.DataRow{Values: make([][]byte, len(row))}
		for i, v := range row {
			if v == nil {
				continue
			}
			if format(formats, i) == 0 {
				data.Values[i] = []byte(sql.Format(v, result.Columns[i].Type))
				continue
			}
			b, err := c.binary(v, result.Columns[i].Type)
			if err != nil {
				return err
			}
			data.Values[i] = b
		}
		c.backend.Send(data)
		if err := c.backend.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// binary encodes a value in PostgreSQL's binary format.
func (c *session) binary(v sql.Value, oid uint32) ([]byte, error) {
	switch oid {
	case sql.LSN:
		lsn, err := sql.ParseLSN(sql.Format(v, oid))
		return binary.BigEndian.AppendUint64(nil, lsn), err
	case sql.OID, sql.XID:
		n, _ := v.(int64)
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	case sql.Inet:
		text := sql.Format(v, oid)
		if !strings.Contains(text, "/") {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, err
			}
			v = netip.PrefixFrom(address, address.BitLen())
		} else {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, err
			}
			v = prefix
		}
	case sql.Interval:
		d, ok := v.(time.Duration)
		if !ok {
			return nil, fmt.Errorf("interval %v has no binary form here", v)
		}
		v = pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
	case sql.Numeric:
		var n pgtype.Numeric
		if err := n.Scan(sql.Format(v, oid)); err != nil {
			return nil, err
		}
		v = n
	case sql.Text, sql.Varchar, sql.Name, sql.BPChar, sql.JSON, sql.Char:
		return []byte(sql.Format(v, oid)), nil
	}
	return c.types.Encode(oid, pgtype.BinaryFormatCode, v, nil)
}

// decode reads a parameter.
func (c *session) decode(oid uint32, format int16, b []byte) (sql.Value, error) {
	if b == nil {
		return nil, nil
	}
	if format == 0 {
		return sql.Cast(string(b), 0, oid)
	}
	if oid == sql.LSN && len(b) == 8 {
		return sql.FormatLSN(binary.BigEndian.Uint64(b)), nil
	}
	t, ok := c.types.TypeForOID(oid)
	if !ok {
		return nil, sql.Errorf("0A000", "polarsim has no binary input for type %d", oid)
	}
	v, err := t.Codec.DecodeValue(c.types, oid, pgtype.BinaryFormatCode, b)
	if err != nil {
		return nil, sql.Errorf("22P03", "incorrect binary data format in bind parameter: %v", err)
	}
	switch v := v.(type) {
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case float32:
		return float64(v), nil
	case []byte:
		return string(v), nil
	case netip.Prefix:
		return v.Addr().String(), nil
	case pgtype.Numeric:
		f, err := v.Float64Value()
		return f.Float64, err
	case pgtype.Interval:
		return time.Duration(v.Microseconds) * time.Microsecond, nil
	case []any:
		out := []string{}
		for _, item := range v {
			out = append(out, fmt.Sprint(item))
		}
		return out, nil
	case bool, int64, float64, string, time.Time:
		return v, nil
	}
	return nil, sql.Errorf("0A000", "polarsim has no input for %T", v)
}

func (c *session) milliseconds(name string) time.Duration {
	text, _ := c.setting(name)
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.Duration(n) * time.Millisecond
}
