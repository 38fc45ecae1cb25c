package main

import _ "github.com/polarbook/polarbook/test/golden" // there are no golden files here, but the flag that writes them is for all packages
