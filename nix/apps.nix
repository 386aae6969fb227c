# Every command of nanna-ci as a flake app of the same name.
{
  lib,
  toolkit,
  scripts,
  config,
  flake,
  overrides,
  advisoryDb,
  source,
  commands,
}:
let
  application = toolkit.pythonApplication {
    src = scripts;
    runtimeTools = builtins.filter (tool: !lib.isUnavailable tool) [
      toolkit.tools.nix
      toolkit.tools.cachix
      toolkit.tools.git
      toolkit.tools.qemu-user
    ];
  };

  descriptions = lib.mergeDisjoint "apps" [
    {
      plan = "The jobs for an event, with needs, runner and installable";
      run-job = "Run one job, the same here and in CI";
      ci = "Plan and run everything that this machine can";
      ci-summary = "The one required check: every expected job accounted for; summary, comment, alerts";
      post-summary = "Post the comment and the alerts of a run on GitHub, only ever editing its own";
      workflow = "Write the workflows that call the pipeline on GitHub; check workflows against plan, pins and rules";
      dev-check = "The quick loop in the work tree: fmt, clippy, nextest, audit, deny";
      update = "Newer inputs, models and pinned actions, in the work tree or as one pull request";
      cross-build = "Build for one target by its ladder of strategies, and verify the executables";
      prepare-artifacts = "Verified, named, hashed, size-gated, reproducible release artifacts";
      container-test = "Run the images with podman or docker: probes, models, stop and restart";
      publish-images = "Push the images by digest, sign and attest them; never on a pull request";
      lock-models = "Resolve model tags to digests and sizes, and write the lock";
      sbom = "Bills of materials of crates, closures and images: CycloneDX or SPDX";
      scan = "Known vulnerabilities, denied licences, unknown sources: one gate, SARIF";
      provenance = "Write the evidence of a build: provenance, test results, VEX, and what they are about";
      verify = "Check a folder of evidence, link by link, offline; or build it again and compare";
      release = "Publish a tag's files on GitHub: draft, compare, publish, verify";
      bench = "Benchmarks against a commit, in pairs on one machine: slower, vanished, more instructions";
      cache-setup = "Give Nix the caches, keys and limits of pipeline.toml";
      cache-analytics = "Hit rate by paths, bytes and build time per substituter; why each miss missed; a gate";
      cache-push = "Filter and push to cachix or any Nix store, then ask for every path again";
      cache-gc = "Collect a cache folder to a size, never breaking a closure";
      coverage = "Which lines tests run, of crates, files and a change; a gate; Codecov";
      metrics = "The times, hit rates and sizes of runs, here or on GitHub, into a history";
      report = "A page of trends, or of one run: one file, without anything from elsewhere";
      doctor = "Check the setup of caches, scans and containers; each finding with its fix";
    }
    commands
  ];

  # Set only where the caller has not: nixw hands on its own, which know more.
  environment = {
    NANNA_CI_FLAKE = "path:${flake}";
    NANNA_CI_CONFIG = "${config}";
    NANNA_CI_OVERRIDES = builtins.toJSON (
      map (name: [
        name
        "path:${overrides.${name}}"
      ]) (builtins.attrNames overrides)
    );
  };

  # What only some commands need, so that the others do not bring it along.
  without = lib.reasons (
    lib.filterAttrs (
      name: _:
      builtins.elem name [
        "podman"
        "docker"
        "cargo-audit"
        "cargo-deny"
        "trivy"
      ]
    ) toolkit.tools
  );
  lacking = if without == { } then { } else { NANNA_CI_UNAVAILABLE = builtins.toJSON without; };
  scanners =
    (
      if toolkit.programs ? cargo-audit then
        {
          NANNA_CI_CARGO_AUDIT = toolkit.programs.cargo-audit;
          NANNA_CI_CARGO_DENY = toolkit.programs.cargo-deny;
        }
      else
        { }
    )
    // (
      if !builtins.pathExists (advisoryDb + "/crates") then
        { }
      else
        {
          NANNA_CI_ADVISORY_DB = "${advisoryDb}";
          # what is no commit has the time at which somebody copied it
          NANNA_CI_ADVISORY_DB_MODIFIED = toString (if advisoryDb ? rev then advisoryDb.lastModified else 0);
        }
    );
  skopeo.NANNA_CI_SKOPEO = toolkit.programs.skopeo;
  cosign.NANNA_CI_COSIGN = toolkit.programs.cosign;
  additional = {
    bench = if toolkit.programs ? valgrind then { NANNA_CI_VALGRIND = toolkit.programs.valgrind; } else { };
    # a rehearsal reads our reusable workflows there, which other repositories call
    ci = skopeo // lacking // scanners // { NANNA_CI_WORKFLOW_SOURCE = "${source}"; };
    run-job = skopeo // lacking // scanners;
    scan =
      lacking
      // scanners
      // (if toolkit.programs ? trivy then { NANNA_CI_TRIVY = toolkit.programs.trivy; } else { })
      // {
        NANNA_CI_DENY_POLICY = "${./deny.toml}";
      };
    container-test = skopeo // lacking;
    doctor = lacking // scanners;
    publish-images = skopeo // cosign;
    # a path in the store says no more when its flake was last modified
    sbom = skopeo // {
      NANNA_CI_LAST_MODIFIED = toString (flake.lastModified or 0);
    };
    verify = cosign;
    test = if toolkit.testPath == "" then { } else { NANNA_CI_TEST_PATH = toolkit.testPath; };
  };

  program =
    name:
    toolkit.command {
      inherit name application;
      environment = environment // (additional.${name} or { });
    };
  app = name: description: {
    type = "app";
    program = "${program name}/bin/${name}";
    meta = { inherit description; };
  };
in
{
  packages.nanna-ci = application;
  apps = if lib.isUnavailable application then { } else builtins.mapAttrs app descriptions;
}
