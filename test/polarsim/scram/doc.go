// Package scram is both sides of SCRAM-SHA-256 (RFC 5802 and 7677) as the engine and its libpq speak it, without
// channel binding. It must not know connections.
package scram
