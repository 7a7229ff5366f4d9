#!/bin/sh
# Remove LlamaDesk, as install.sh installed it, for the person who runs this. Chats and models stay, unless the person says
# otherwise when asked or with --purge.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=places.sh
. "$here/places.sh"

purge=ask
case ${1-} in
'') ;;
--purge) purge=yes ;;
--keep) purge=no ;;
-h | --help)
    say "Usage: ./uninstall.sh [--keep | --purge]" "" \
        "Removes LlamaDesk. Asks whether your chats, settings and models are to be removed too;" \
        "--keep keeps them and --purge removes them without a question."
    exit 0
    ;;
*) fail "uninstall.sh does not know $1; --help says what it does." ;;
esac

if is_running_from "$program_folder"; then
    fail "LlamaDesk is open: close it and run this again."
fi

# ---- The program, and what the desktop knew of it.

case $(readlink "$command_link" 2>/dev/null || :) in
"$program_folder"/*) rm -f "$command_link" ;;
esac
(cd "$here/share" && find . -type f) | while IFS= read -r file; do
    rm -f "$data_home/$file"
done
refresh_desktop
rm -rf "$program_folder"
say "LlamaDesk is removed."

# ---- What the person made with it.

set --
for folder in "$data_folder" "$log_folder"; do
    [ ! -d "$folder" ] || set -- "$@" "$folder"
done
[ $# -gt 0 ] || exit 0
if [ "$purge" = ask ]; then
    purge=no
    if [ -t 0 ]; then
        say "" "Your chats, settings and models are still in:"
        du -sh "$@"
        printf 'Remove them for good? Type "yes" to remove, anything else to keep them: '
        read -r purge || :
    fi
fi
if [ "$purge" = yes ]; then
    rm -rf "$@"
    say "Your chats, settings and models are removed. Models that you keep in other folders are as they were."
else
    say "Your chats, settings and models are kept in:" "$@"
fi
