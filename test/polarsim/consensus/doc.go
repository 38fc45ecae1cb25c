// Package consensus is the stand-in's X-Paxos: terms, votes, weights, a replicated log and the membership
// commands, between processes over TCP. It knows addresses, entries and timers; it must not know SQL, files
// outside its own directory, or the PostgreSQL protocol.
package consensus
