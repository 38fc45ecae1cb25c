// Package bundle writes and reads site bundles: all that a site without a network needs, in one file.
//
// A bundle is a tar archive. Its first file is manifest.json, its second, where it is signed, manifest.json.minisig; the others
// follow in the manifest's order. What does not come compressed is a zstd frame of its own, so that a file is read without the ones
// before it, and tar, zstd and minisign are enough to open and verify a bundle without polarbook.
//
// Nothing that a bundle says is believed: Open compares the archive with the manifest to the last byte, and Verify the signature and
// every file's SHA-256. The package must not know what the files mean.
package bundle
