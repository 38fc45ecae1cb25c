#!/bin/sh
# says what the engine does
exec ps -fu pgsql
