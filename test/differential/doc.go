// Package differential runs the same playbooks with two versions of Ansible and with polarbook, each on hosts of its own,
// and compares what they said and what they left behind. The reference is ansible-core 2.19; what 2.14 does beside it is
// told with each difference. testdata/known.txt lists the differences that there are, each with its reason.
//
// # Cases
//
// Below testdata a case is one of these:
//
//   - a directory with a site.yml (playbooks/), which may have a file "runs": a line of arguments for each run;
//   - a part of a file NAME.cases (language/, modules/), which begins with a line "=== what it is about";
//   - a row of a file MODULE.table (modules/): "NAME :: ARGUMENTS ++ KEYWORDS <- SCRIPT". The script runs before, in the case's own
//     directory of the host, which is DIR in the arguments; the task is run twice. Keywords of the task and the script may be
//     missing. These lines may stand among the rows: "packages: NAME NAME" gives the hosts Debian's packages; "flavour: rhel" has
//     hosts of that flavour; "after: SCRIPT" shows in the end of each run what files do not, all rows' work, which counts as the
//     first row's; "gather: FACT" has the play gather that fact first, as Ansible's service and package do before each task
//     otherwise; "module: NAME" has the module's full name, where Ansible does not know it by a short one;
//   - a line of a file NAME.txt (expressions/): an expression as it stands between {{ and }}, or, where it has such
//     brackets itself, a whole template; a line that begins with # is a remark. \n is the end of a line.
//
// Before the first case of a .cases file, and after a case's first line, these lines may stand:
//
//	packages: NAME   (first part only) Debian's packages that the hosts have
//	run: ARGUMENTS   one run with these arguments; several lines are several runs. One run without arguments otherwise
//	play: KEYWORD    what the play that is made of the tasks has, such as "play: vars: {a: 1}"
//	together         (first part only) the cases are plays of one playbook, for programs take long to start; ignore_errors
//	                 is set for those that have no site.yml. Cases with runs, an inventory or group_vars of their own stay alone
//	alone            (of a case) it is not together with others: it ends a host's run
//	-- FILE --       the text that follows is a file beside the playbook, up to the next such line
//
// What is left of a case is its tasks, for node1. A case with a file site.yml has none: that is its playbook. Files of the
// first part are there for all cases. An inventory of the case's own, in the directory "more", is added to the one that all
// have: groups db, leaders (node1), followers (node2), and localhost.
//
// Before a case the directory /srv/case of each host is emptied. What a case makes elsewhere (accounts, units) has a name of its own.
//
// It must know nothing of polarbook's packages: all programs are run as a user runs them.
package differential
