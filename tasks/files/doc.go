// Package files is the kit of all that writes files on hosts: where a path leads without following another account's link,
// attributes and their differences, a content that is delivered, text that is edited, archives that are opened.
//
// A change is planned from what a probe said and made by a script that looks again at what it must not get wrong. It knows the
// contract and scripts, and no module.
package files
