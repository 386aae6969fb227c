# For both toolkits: src -> the source without what tools leave at the root of a work tree, wherever it comes from.
# A source out of git has none of it. Without git, target/ alone is gigabytes that change with every build, and .nanna-ci
# changes with every `ci`, which would build all again. All else stays: tests and include_str! may read any file.
src:
let
  droppings = [
    ".direnv"
    ".git"
    ".nanna-ci"
    "result"
    "target"
  ];
  root = toString src;
in
builtins.path {
  path = src;
  # one name for every origin: it is the folder that a build unpacks to, and cargo's fingerprints hold that
  name = "source";
  filter = path: _: !(dirOf path == root && builtins.elem (baseNameOf path) droppings);
}
