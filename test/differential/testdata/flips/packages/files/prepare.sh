#!/bin/sh
set -e
mkdir -p "$1"
date +%Y >"$1/prepared"
