# { channel, extensions ? [ ] } -> null for a channel that rust-overlay has not, else a function: package set with
# rust-overlay -> cargo, rustc, clippy, rustfmt, and the standard library of the set's build and host platforms.
{
  channel,
  extensions ? [ ],
}:
let
  # the minimal profile: the default one adds 600 MB of HTML
  complete =
    release:
    release.minimal.override {
      extensions = [
        "clippy"
        "rustfmt"
      ]
      ++ extensions;
    };
  channels = {
    stable = pkgs: complete pkgs.rust-bin.stable.latest;
    beta = pkgs: complete pkgs.rust-bin.beta.latest;
    # the newest nightly may lack a component: then the newest that lacks none
    nightly = pkgs: pkgs.rust-bin.selectLatestNightlyWith complete;
  };
in
channels.${channel} or null
