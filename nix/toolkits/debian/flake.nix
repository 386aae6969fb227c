# The toolkit for machines that reach no binary cache: Debian's programs, seen by builders through Nix's sandbox-paths.
# Takes nixpkgs' place by `--override-input nixpkgs path:nix/toolkits/debian`; ./nixw gives the inputs below. Where something
# could not be had, the input holds missing/NAME, with the reason (input.sh).
{
  inputs = {
    # what the root holds and lacks, with every package's version: part of each derivation, so that a new root builds anew
    root = {
      url = "path:./empty";
      flake = false;
    };
    # the workspace's crates, vendored by cargo, with the cargo configuration that reads them
    crates = {
      url = "path:./empty";
      flake = false;
    };
    # programs that Debian lacks: the wheels of wheels/
    tools = {
      url = "path:./empty";
      flake = false;
    };
    # llama.cpp's server for both Linux systems, unpacked from Debian's next release: what images with models hold
    server = {
      url = "path:./empty";
      flake = false;
    };
  };
  outputs = inputs: {
    toolkit = import ./toolkit.nix inputs;
    # `nix develop` asks the input called nixpkgs for its shell
    legacyPackages.x86_64-linux.bashInteractive = derivation {
      name = "bash";
      system = "x86_64-linux";
      builder = "/bin/bash";
      PATH = "/bin";
      args = [
        "-c"
        "mkdir -p $out/bin && ln -s /bin/bash $out/bin/bash"
      ];
    };
  };
}
