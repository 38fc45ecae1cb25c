package crypto

import "github.com/polarbook/polarbook/tasks"

// Modules returns the modules for keys and certificates, in the order of the documentation.
func Modules() []tasks.Module {
	return []tasks.Module{
		privateKeyModule, keyPipeModule, keyInfoModule, csrModule, csrPipeModule, csrInfoModule, certificateModule, certificatePipeModule,
		certificateInfoModule, dhModule, keypairModule,
	}
}

var collection = []string{"community.crypto"}
