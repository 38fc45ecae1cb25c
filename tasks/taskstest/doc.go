// Package taskstest is for the tests of modules: this machine as a host under each shell that it has, a control node that is
// a directory, a task done once as the engine does it, and tables of plans from testdata/MODULE/*.json.
//
// Names by which tests call modules are those that Knowing was given.
package taskstest
