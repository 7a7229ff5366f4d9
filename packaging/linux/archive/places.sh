# Where the two scripts put things and look for them. Sourced by install.sh and uninstall.sh; POSIX sh.
# shellcheck shell=sh disable=SC2034

app_id=io.github.llamadesk.LlamaDesk

# Print each argument on a line of its own.
say() { printf '%s\n' "$@"; }

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The folder that a variable of the XDG standard names, which ignores those that are not absolute.
xdg_folder() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$2" ;;
    esac
}

case ${HOME-} in
/*) ;;
*) fail "HOME does not name your home folder: set it and run this again." ;;
esac
if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER-}" ]; then
    fail "This installs LlamaDesk for one person: run it as yourself, without sudo."
fi

data_home=$(xdg_folder "${XDG_DATA_HOME-}" "$HOME/.local/share")
state_home=$(xdg_folder "${XDG_STATE_HOME-}" "$HOME/.local/state")
data_folder=$data_home/LlamaDesk
log_folder=$state_home/LlamaDesk

# Everything in here is ours: one folder for each version that is installed or still runs, and a link to the current one.
program_folder=$HOME/.local/opt/llamadesk
current=$program_folder/current
command_link=$HOME/.local/bin/llamadesk
desktop_file=$data_home/applications/$app_id.desktop

# Whether a program runs that was started from this folder or one below.
is_running_from() {
    real=$(cd "$1" 2>/dev/null && pwd -P) || return 1
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
        "$real"/*) return 0 ;;
        esac
    done
    return 1
}

# Have the desktop read its menu, MIME types and icons again. It does so by itself sooner or later, so a failure is none.
refresh_desktop() {
    if [ -d "$data_home/applications" ] && command -v update-desktop-database >/dev/null; then
        update-desktop-database -q "$data_home/applications" || :
    fi
    if [ -d "$data_home/mime/packages" ] && command -v update-mime-database >/dev/null; then
        update-mime-database "$data_home/mime" >/dev/null || :
    fi
    touch -c "$data_home/icons/hicolor"
}
