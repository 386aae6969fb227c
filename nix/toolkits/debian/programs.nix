# The programs of pipeline.toml that the Debian root has: nixpkgs' names by the group of packages.txt that brings them.
#
#   { groupReason } -> names -> null, or why one of them cannot be had
{ groupReason }:
names:
let
  inherit (builtins) concatStringsSep filter head;
  groups = {
    core = [
      "bash"
      "binutils"
      "cmake"
      "coreutils"
      "diffutils"
      "findutils"
      "gawk"
      "gcc"
      "git"
      "gitMinimal"
      "gnugrep"
      "gnumake"
      "gnused"
      "gnutar"
      "gzip"
      "openssl"
      "perl"
      "pkg-config"
      "protobuf"
      "python3"
      "util-linux"
      "which"
      "xz"
      "zstd"
    ];
    programs = [
      "bc"
      "bzip2"
      "curl"
      "file"
      "fish"
      "gnupg"
      "hostname"
      "jq"
      "less"
      "man-db"
      "nasm"
      "ninja"
      "openssh"
      "procps"
      "rsync"
      "sqlite"
      "tree"
      "unzip"
      "vim"
      "wget"
      "zip"
      "zsh"
    ];
  };
  isIn = group: name: builtins.elem name groups.${group};
  unknown = filter (name: !(isIn "core" name || isIn "programs" name)) names;
in
if unknown != [ ] then
  "the Debian toolkit does not know the packages ${concatStringsSep ", " unknown} (nix/toolkits/debian/programs.nix has the table)"
else if filter (isIn "programs") names != [ ] then
  groupReason "programs"
else
  null
