# Runs inside the tree: builds the packages and their repositories, and the database with what is installed from the start.
set -eu
cd /tmp/rpms
out=/usr/share/lab-rpms
mkdir -p $out/repo $out/extra $out/files base
rpmbuild() { command rpmbuild --quiet --define "_topdir /tmp/rpms/work" --define "_buildhost lab" --define "_build_id_links none" --define "debug_package %{nil}" \
    --define "__os_install_post %{nil}" --define "_unpackaged_files_terminate_build 0" "$@"; }
# small FOLDER NAME VERSION [VARIABLE VALUE]...
small() {
    to=$out/$1 name=$2 version=$3
    shift 3
    set -- "$@" name_ "$name" version_ "$version"
    defines=()
    while [ $# -gt 0 ]; do
        defines+=(--define "$1 $2")
        shift 2
    done
    rpmbuild --define "_rpmdir $to" --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" "${defines[@]}" -bb small.spec
}
small repo greeting 1.0
small repo greeting 1.1
small repo greeting 2.0
small repo farewell 1.0 requires_ greeting
small repo farewell 1.5 requires_ greeting
small repo solo 1.0 recommends_ companion
small repo companion 1.0
small repo rival 1.0 conflicts_ greeting
small repo dated 1.0 epoch_ 1
small repo native 1.0 arch_ "$(uname -m)"
small repo broken 1.0 requires_ no-such-thing
small repo webserver 3.0 provides_ httpd
small extra unsigned 1.0
small extra greeting 3.0
small files loose 1.0
small files loose 1.1
small files needy 1.0 requires_ companion
createrepo_c --quiet --groupfile /tmp/rpms/comps.xml $out/repo
createrepo_c --quiet $out/extra

rpmbuild --define "_rpmdir /tmp/rpms/base" --define "_rpmfilename %%{NAME}.rpm" -bb base.spec
rm -rf /var/lib/rpm
mkdir /var/lib/rpm
rpm --initdb
rpm --install --justdb --nodeps --noscripts base/*.rpm
rpm -q rocky-release bash
