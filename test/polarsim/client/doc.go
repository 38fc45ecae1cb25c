// Package client is the little of libpq that psql, pg_isready, pg_basebackup and the WAL receiver of the
// stand-in need, with libpq's error texts. It must not know what the other side is.
package client
