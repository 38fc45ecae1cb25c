# control WORD...: systemctl for a scope: system, user or global. For user it finds the user's own bus, also where the shell was
# entered with sudo or su.
# uses: preamble
# takes: scope
if [ "$scope" = user ] && [ -z "$XDG_RUNTIME_DIR" ]; then
	XDG_RUNTIME_DIR=/run/user/$(id -u)
	export XDG_RUNTIME_DIR
fi
control() {
	case $scope in
	user|global) systemctl "--$scope" "$@" ;;
	*) systemctl "$@" ;;
	esac
}
