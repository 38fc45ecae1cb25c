// Pack writes the stand-in as an install prefix tarball: go run ./test/polarsim/pack -o polardb-sim-11.9.tar.gz
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

func main() {
	output := flag.String("o", "polardb-sim-11.9.tar.gz", "tarball to write")
	flag.Parse()
	if err := prefix.Pack(context.Background(), *output); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(*output)
}
