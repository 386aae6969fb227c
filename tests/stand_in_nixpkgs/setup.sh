# What stdenv's setup.sh gives the phases of a build: these variables, the programs of its inputs, and no others.
set -eu
PATH=
for input in ${nativeBuildInputs:-} $initialPath; do PATH=$PATH${PATH:+:}$input/bin; done
export PATH SOURCE_DATE_EPOCH=315532800 TZ=UTC
export NIX_SSL_CERT_FILE="${NIX_SSL_CERT_FILE:-/no-cert-file.crt}" SSL_CERT_FILE="${SSL_CERT_FILE:-/no-cert-file.crt}"
cp -r "$src" source
chmod -R u+w source
cd source
mkdir -p "$out"
eval "$buildPhase"
eval "$installPhase"
