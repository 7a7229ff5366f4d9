#!/bin/sh
# make_appdir.sh ARCHIVE APPDIR: the folder that an AppImage is made of, from our plain archive for Linux.
set -eu

[ $# = 2 ] || { echo "Usage: make_appdir.sh ARCHIVE APPDIR" >&2; exit 2; }
archive=$1
app_dir=$2
app_id=io.github.llamadesk.LlamaDesk
program_folder=$app_dir/usr/lib/llamadesk

mkdir -p "$program_folder" "$app_dir/usr/bin"
tar --extract --xz --file "$archive" --strip-components 1 --directory "$program_folder"
mv "$program_folder/share" "$app_dir/usr/share"
# What installs the archive has no place here.
rm "$program_folder/install.sh" "$program_folder/uninstall.sh" "$program_folder/places.sh" "$program_folder/README.txt"
sed -i 's/"kind": "archive"/"kind": "appimage"/' "$program_folder/_internal/installation.json"

ln -s ../lib/llamadesk/llamadesk "$app_dir/usr/bin/llamadesk"
# The program looks for its files beside what the link names, so that nothing else has to start it.
ln -s usr/lib/llamadesk/llamadesk "$app_dir/AppRun"
cp -p "$app_dir/usr/share/applications/$app_id.desktop" "$app_dir/"
cp -p "$app_dir/usr/share/icons/hicolor/256x256/apps/$app_id.png" "$app_dir/"
ln -s "$app_id.png" "$app_dir/.DirIcon"
