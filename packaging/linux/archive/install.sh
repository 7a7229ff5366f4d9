#!/bin/sh
# Install LlamaDesk for the person who runs this: no administrator, no network. An older installation is replaced in one
# step, while it runs too. Nothing is changed outside the home folder, and chats and models are not touched.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=places.sh
. "$here/places.sh"

case ${1-} in
'') ;;
-h | --help)
    say "Usage: ./install.sh" "" "Installs LlamaDesk for you alone, into $program_folder, and puts it into the menu."
    exit 0
    ;;
*) fail "install.sh takes no arguments; --help says what it does." ;;
esac

newline='
'
case $program_folder$data_home in
*"$newline"*) fail "LlamaDesk cannot be put into the menu from a folder with a line break in its name." ;;
esac
[ -x "$here/llamadesk" ] || fail "LlamaDesk is not beside this script: unpack the whole archive and run it from there."
mkdir -p "$program_folder"
case $here/ in
"$(cd "$program_folder" && pwd -P)"/*) fail "LlamaDesk is installed already: this is the installed copy." ;;
esac

# How a desktop file's Exec names a program. The text is escaped twice: as an argument in quotes, where a percent sign is
# doubled, and then as a value of the file, where each backslash is.
exec_quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed -e 's/[\\"`$]/\\&/g' -e 's/%/%%/g' -e 's/\\/\\\\/g')"
}

# ---- The program: copied beside the old one, and then the link is turned to it in one step.

release=$(mktemp -d "$program_folder/release.XXXXXXXX")
link=
# shellcheck disable=SC2317  # called by the trap
give_up() {
    rm -rf "$release"
    [ -z "$link" ] || rm -f "$link"
    fail "LlamaDesk was not installed. What was there before is as it was."
}
trap give_up EXIT
trap 'exit 1' HUP INT TERM

say "Copying LlamaDesk to $program_folder ..."
cp -RPp "$here/." "$release/"
chmod 755 "$release"
link=$release.link
ln -s "$(basename "$release")" "$link"
# Not in POSIX, but in every Linux: never moves into the folder that a link names.
mv -T "$link" "$current"
trap - EXIT HUP INT TERM

# Versions that nobody uses any more.
for old in "$program_folder"/release.*; do
    if [ "$old" != "$release" ] && ! is_running_from "$old"; then
        rm -rf "$old"
    fi
done

# ---- The menu, the MIME type, the icons and the command.

(cd "$here/share" && find . -type d) | while IFS= read -r folder; do
    mkdir -p "$data_home/$folder"
done
(cd "$here/share" && find . -type f) | while IFS= read -r file; do
    cp "$here/share/$file" "$data_home/$file.new"
    mv "$data_home/$file.new" "$data_home/$file"
done
quoted=$(exec_quoted "$current/llamadesk")
case $quoted in
*%*) quoted="env $quoted" ;; # GLib looks for the program before it reads "%%" as "%", and would find none
esac
while IFS= read -r line; do
    case $line in
    Exec=llamadesk*) printf 'Exec=%s%s\n' "$quoted" "${line#Exec=llamadesk}" ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$here/share/applications/$app_id.desktop" >"$desktop_file.new"
mv "$desktop_file.new" "$desktop_file"
refresh_desktop

mkdir -p "$(dirname "$command_link")"
if [ -e "$command_link" ] && [ ! -L "$command_link" ]; then
    say "$command_link is another program and was left as it is."
else
    ln -s "$current/llamadesk" "$link"
    mv -T "$link" "$command_link"
fi

# ---- What the system lacks: there is no package manager here that would have seen to it.

lacking=$(find "$current/" -name libqxcb.so -exec ldd {} + 2>/dev/null | awk '/not found/ { print $1 }' | sort -u)
if [ -n "$lacking" ]; then
    say "" "LlamaDesk needs libraries that your system does not have:" "$lacking" \
        "Install them with your system's package manager. On Debian and Ubuntu:" \
        "    sudo apt install libegl1 libgl1 libxcb1 libx11-xcb1 libfontconfig1 libdbus-1-3"
fi

say "LlamaDesk is installed: it is in the menu of your desktop, and the command is $command_link." \
    "To remove it again: $current/uninstall.sh"
