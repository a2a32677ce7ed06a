#!/bin/sh
# Gathers below a folder what a program needs in an otherwise empty root: itself, the libraries that the linker names, who it runs
# as, where names are looked up, certificates. Usage: gather.sh PROGRAM FOLDER
set -eu
program=$1
root=$2

mkdir -p "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$program" "$root/$(basename "$program")"
# ldd names each library with its path, and the loader by its path alone. What is a link becomes the file.
ldd "$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'server:x:65532:65532:server:/:/nonexistent\n' >"$root/etc/passwd"
printf 'server:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
