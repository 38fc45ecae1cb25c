// Package server is the stand-in's postmaster: it listens, logs people in, runs their SQL against the replicated
// state, and turns what consensus says into what clients see. It must not know the command line tools.
package server
