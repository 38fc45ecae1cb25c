// Package sql is the stand-in's small SQL: enough of the language for a tool that provisions and watches a
// cluster, over tables held in memory. It must not know the wire protocol, files or consensus: what the server
// knows reaches it as virtual tables and functions of the Context.
package sql
