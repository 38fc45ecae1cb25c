package crypto

import "github.com/polarbook/polarbook/tasks"

// Modules returns the modules for keys and certificates, in the order of the documentation.
func Modules() []tasks.Module {
	return []tasks.Module{privateKeyModule, keyPipeModule, csrModule, csrPipeModule, certificateModule, certificatePipeModule, dhModule, keypairModule}
}

var collection = []string{"community.crypto"}
