# { name, application, src, config } -> `nanna-ci workflow check` over the workflows of src; $out has what it said.
pkgs:
{
  name,
  application,
  src,
  config,
}:
pkgs.runCommand name { } ''
  cd ${src}
  ${application}/bin/nanna-ci workflow check --config ${config} | tee $out
''
