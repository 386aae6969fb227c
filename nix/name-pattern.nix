# A pattern of store path names, checked: null, or { says; hint; } with the first thing that is wrong with it.
#
# The twin of scripts/nanna_ci/name_pattern.py, which says what the language is and why: same order, same words. Bytes are
# read one by one, from the left; a state is what stands before the place, the repeats so far, the choices of the
# alternative that is read (ways) and of those before it (others), and the same of what is around each open group.
text:
let
  inherit (builtins) all elem elemAt filter head isList match split stringLength substring;

  limit = 200;
  mostWays = 2048;
  repeatWays = 16;
  mostRepeats = 2;

  several = "write several patterns instead: a name needs to match one";
  ordered = range: substring 0 1 range <= substring 2 1 range;
  ranges = body: map head (filter isList (split "([a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9])" body));
  class = "\\^?(-|-?([a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[A-Za-z0-9+._?=^])+-?)";
  escaped = [ "." "+" "*" "?" "(" ")" "|" "^" "$" "[" "]" "\\" "-" ];

  at = index: substring index 1 text;
  byte = index: toString (index + 1);
  wrong = says: hint: { inherit says hint; };
  atMost = number: if number > mostWays then mostWays + 1 else number;
  multiply = state: factor: state // { ways = atMost (state.ways * factor); };
  after = before: state: state // { inherit before; };

  # An alternative ends at an index: go on with the state after it, or say that there is nothing in it.
  endAlternative = index: state: go:
    if state.before == "nothing" then wrong "the alternative before byte ${byte index} is empty, so that it matches every name" null
    else go (state // { others = atMost (state.others + state.ways); ways = 1; });

  repeat = index: quantifier: state:
    let
      next = if quantifier == "?" then multiply state 2 else multiply state repeatWays // { repeats = state.repeats + 1; };
    in
    if state.before == "group" && quantifier != "?" then
      wrong "the ${quantifier} at byte ${byte index} repeats a group, which can take for ever to match" "repeat one character or class, as in [a-z]+"
    else if !elem state.before [ "atom" "group" ] then
      wrong "the ${quantifier} at byte ${byte index} has nothing to repeat" "this is a regular expression: any text is .*, a dot \\."
    else if next.repeats > mostRepeats then
      wrong "the ${quantifier} at byte ${byte index} is the third of * and +, which can take for ever to match" several
    else read (index + 1) (after "repeated" next);

  close = index: state:
    if state.outer == [ ] then wrong "the ) at byte ${byte index} closes nothing" "the character itself is \\)"
    else endAlternative index state (inner:
      let around = head inner.outer; in
      read (index + 1) (multiply (inner // { inherit (around) ways others outer; before = "group"; }) inner.others));

  readClass = index: state:
    let
      found = match "([^]]*)].*" (substring (index + 1) limit text);
      body = elemAt found 0;
    in
    if found == null || body == "^" || match class body == null || !all ordered (ranges body) then
      wrong "the [ at byte ${byte index} begins no class" "a class is such as [a-z0-9] or [^.]: of A-Z a-z 0-9 + . _ ? = ^, with - last"
    else read (index + stringLength body + 2) (after "atom" state);

  read = index: state:
    let character = at index; in
    if character == "" then end index state
    else if elem character [ "*" "+" "?" ] then repeat index character state
    else if character == "(" then
      read (index + 1) (state // { before = "nothing"; ways = 1; others = 0; outer = [ { inherit (state) ways others outer; } ]; })
    else if character == ")" then close index state
    else if character == "|" then endAlternative index state (next: read (index + 1) (after "nothing" next))
    else if elem character [ "^" "$" ] then read (index + 1) (after "anchor" state)
    else if character == "[" then readClass index state
    else if character == "\\" then
      if elem (at (index + 1)) escaped then read (index + 2) (after "atom" state)
      else wrong "the \\ at byte ${byte index} stands before none of . + * ? ( ) | ^ $ [ ] \\ -" "a digit is [0-9], a word [A-Za-z0-9_]+"
    else if match "[A-Za-z0-9_=.-]" character != null then read (index + 1) (after "atom" state)
    else wrong "the character at byte ${byte index} means nothing in a pattern" "names have A-Z a-z 0-9 + - . _ ? = only; there are no braces";

  end = index: state:
    if state.outer != [ ] then wrong "a ( is not closed" "the character itself is \\("
    else endAlternative index state (whole:
      if whole.others > mostWays then wrong "its choices multiply, so that it can take for ever to match" several
      else null);
in
if stringLength text > limit then wrong "it has more than ${toString limit} bytes, which can take for ever to match" several
else read 0 { before = "nothing"; repeats = 0; ways = 1; others = 0; outer = [ ]; }
