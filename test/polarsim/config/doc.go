// Package config reads postgresql.conf, postgresql.auto.conf, polar_dma.conf and pg_hba.conf as the engine
// does, and knows the settings the stand-in has. It must not know what the settings are used for.
package config
