# polarbook_cgroup: makes the run's control group below our own where that can be done, and leaves it in $cg: the unified hierarchy, or the
# freezer, which systemd leaves alone. A group below that of the login keeps the login's session.
# takes: mark
# leaves: cg
polarbook_cgroup() {
	cg=
	own=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
	if [ -f /sys/fs/cgroup/cgroup.procs ]; then
		cg=/sys/fs/cgroup${own%/}/polarbook-$mark
	elif [ -f /sys/fs/cgroup/freezer/cgroup.procs ]; then
		cg=/sys/fs/cgroup/freezer/polarbook-$mark
	fi
	[ -z "$cg" ] || mkdir "$cg" 2>/dev/null || cg=
}
