#!/bin/sh
# Lays out what the image has besides /opt/shoal: the C libraries of Debian 12 that Node.js is linked to, and a user.
# Usage: image-root.sh <amd64|arm64> <directory>
set -eu

arch=$1
root=$2
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT

dpkg --add-architecture "$arch"
apt-get update -qq
cd "$packages"
# apt's own user can't write here, and need not: what it fetches is checked against the signed index.
apt-get download -qq -o APT::Sandbox::User=root "libc6:$arch" "libgcc-s1:$arch" "libstdc++6:$arch" "coreutils:$arch"
for package in lib*.deb; do dpkg-deb --extract "$package" "$packages/root"; done
# Node.js sets times to the microsecond; `shoal uninstall` restores them to the nanosecond by touch.
dpkg-deb --fsys-tarfile coreutils_*.deb | tar -xC "$packages/root" ./bin/touch ./usr/share/doc/coreutils/copyright

# Only what programs load, and the copyright files; Node.js converts character sets by itself.
cd "$packages/root"
rm -rf usr/share/lintian usr/share/gdb usr/share/locale usr/lib/*/gconv usr/lib/*/audit etc
find usr/share/doc -type f ! -name copyright -delete
find . -depth -type d -empty -delete
mkdir -p "$root/etc" "$root/home" "$root/var/lib/shoal" "$root/tmp"
cp -a . "$root/"

echo 'root:x:0:0:root:/root:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' > "$root/etc/passwd"
echo 'root:x:0:
nonroot:x:65532:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
