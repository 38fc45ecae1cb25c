// Package web makes HTTP requests for modules: on a host with the curl or wget that it has, and on the control node itself, where a
// task runs there, with net/http. Redirects, credentials and cookies are handled here in one place, as Ansible's modules do
// (ansible.module_utils.urls), whoever makes the single requests; a body stays in a file of the host's.
//
// The package knows hosts by their shells and no module.
package web
