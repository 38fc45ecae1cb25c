# Asks firewalld on the bus: firewall-cmd is a Python program, and takes longer to start than all of the answers.
firewalld=org.fedoraproject.FirewallD1
firewalld_path=/org/fedoraproject/FirewallD1
firewalld_call() { busctl --auto-start=no --timeout=20 call $firewalld "$@" 2>/dev/null; }
# firewalld_texts prints the strings of an answer, a line each.
firewalld_texts() {
	awk '{
		while (match($0, /"([^"\\]|\\.)*"/)) {
			text = substr($0, RSTART + 1, RLENGTH - 2)
			$0 = substr($0, RSTART + RLENGTH)
			gsub(/\\"/, "\"", text)
			print text
		}
	}'
}
# firewalld_ports prints what getPorts answered as firewall-cmd does, all in one line: 22/tcp 8000-8010/udp.
firewalld_ports() { firewalld_texts | awk 'NR % 2 { port = $0; next } { printf "%s%s/%s", between, port, $0; between = " " }'; }
# firewalld_state prints running where it runs.
firewalld_state() {
	busctl --auto-start=no --timeout=20 get-property $firewalld $firewalld_path $firewalld state 2>/dev/null | sed -n 's/^s "RUNNING"$/running/p'
}
# firewalld_default prints the name of the default zone, firewalld_kept the path of what a zone is from the next start on.
firewalld_default() { command -v busctl >/dev/null 2>&1 && firewalld_call $firewalld_path $firewalld getDefaultZone | firewalld_texts; }
firewalld_kept() { firewalld_call $firewalld_path/config $firewalld.config getZoneByName s "$1" | firewalld_texts; }
