# A workspace's workflows against the rules of docs/workflow.md, as a check of its flake: where it has a table of pins.
{ toolkit, scripts }:
{
  name,
  src,
  config,
}:
if builtins.pathExists (src + "/.github/workflow.toml") then
  {
    ${name} = toolkit.workflowCheck {
      inherit name;
      application = toolkit.pythonApplication { src = scripts; };
      src = "${src}";
      config = "${config}";
    };
  }
else
  { }
