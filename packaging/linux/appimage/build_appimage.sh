#!/bin/sh
# build_appimage.sh ARCHIVE APPIMAGETOOL RUNTIME OUT: the AppImage, from our plain archive for Linux.
#
# NOT VERIFIED: appimagetool and the static type 2 runtime were not to be had where this was written. The release workflow
# fetches both and checks their SHA-256. With that runtime a person needs no libfuse2. The folder that is packed is tested.
set -eu

[ $# = 4 ] || { echo "Usage: build_appimage.sh ARCHIVE APPIMAGETOOL RUNTIME OUT" >&2; exit 2; }
archive=$1
appimagetool=$2
runtime=$3
out=$4
here=$(cd "$(dirname "$0")" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$here/make_appdir.sh" "$archive" "$work/LlamaDesk.AppDir"
chmod 755 "$work/LlamaDesk.AppDir"

# mksquashfs gives every file this time, so that the same archive makes the same AppImage.
SOURCE_DATE_EPOCH=$(sed -n 's/.*"built": \([0-9]*\).*/\1/p' "$work/LlamaDesk.AppDir/usr/lib/llamadesk/_internal/installation.json")
export SOURCE_DATE_EPOCH
# It may run where there is no FUSE, as in a container.
ARCH=x86_64 APPIMAGE_EXTRACT_AND_RUN=1 "$appimagetool" --no-appstream --runtime-file "$runtime" "$work/LlamaDesk.AppDir" "$out"
