#!/bin/sh
# Builds the Debian tree that all hosts of one release and flavour share, as a tarball.
#
#   tree.sh RELEASE PACKAGES KEYRING APTOPTIONS IMAGE FLAVOUR TARBALL [SOURCE]
#
# PACKAGES is a comma-separated list, KEYRING a file or directory of keys, APTOPTIONS a file of apt
# settings, IMAGE the folder this script lies in, FLAVOUR the one that makes the tree something else than
# Debian, or empty. SOURCE is a line for sources.list or a mirror; without
# it mmdebstrap uses the mirror it knows.
set -eu
release=$1 packages=$2 keyring=$3 aptoptions=$4 image=$5 flavour=$6 tarball=$7
shift 7

# A hook may not know the folders otherwise.
export LAB_IMAGE="$image" LAB_FLAVOUR="$flavour"
set -- "$release" "$tarball" "$@"
[ -z "$flavour" ] || set -- --customize-hook="$flavour/customize.sh" "$@"
exec mmdebstrap --quiet --variant=minbase --mode=root --components=main \
    --include="$packages" --keyring="$keyring" --aptopt="$aptoptions" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="$image/customize.sh" \
    "$@"
