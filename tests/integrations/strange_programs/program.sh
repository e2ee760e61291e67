#!/bin/sh
# Plays the program whose words follow the way: strange.sh WAY PROGRAM ARGUMENT…
way=$1; shift
good() { "$@"; }
case $way in
empty) exit 0 ;;
blanks) printf ' \n\t\n' ;;
garbage) printf '\377\376\000\001{\033[2J\033]8;;http://x\007"a\302\n\355\240\200\n' ;;
long_line) head -c 10000000 /dev/zero | tr '\0' 'x' ;;
cut)
    text=$("$@" 2>/dev/null); printf %s "$text" | head -c $(( ${#text} / 2 ))
    for word; do
        case $word in --file=*) file=${word#--file=}; truncate -s $(( $(stat -c %s "$file") / 2 )) "$file" ;; esac
    done ;;
locale) echo 'Fehler: Die Verbindung wurde verweigert (Zugriff verweigert)'; exit 0 ;;
warned) echo 'WARNING: this version is deprecated'; good "$@" ;;
error_text) echo 'error: permission denied for relation people' >&2; exit 0 ;;
other_json) echo '{"services": {}, "items": [], "error": null}' ;;
good_failed) "$@"; exit 1 ;;
killed) kill -9 $$ ;;
hangs) "$@" >/dev/null 2>&1; exec sleep 60 ;;
late) "$@"; code=$?; (sleep 5; echo too late) & exit $code ;;
twice) "$@"; exec "$@" ;;
esac
