// What the npm package @actions/expressions answers to expressions.
//
//     node ask_package.mjs FOLDER_OF_THE_PACKAGE < questions.json > answers.json
//
// Questions: {"contexts": {…}, "expressions": ["…"]}; answers: an array in the same order. Numbers are {"number": text},
// objects {"object": [[key, value], …]}: JSON has no NaN, and its keys no order that every reader keeps.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";

const { data, Evaluator, Lexer, Parser } = await import(pathToFileURL(path.join(process.argv[2], "dist", "index.js")));
const { contexts, expressions } = JSON.parse(readFileSync(0, "utf8"));
const world = JSON.parse(JSON.stringify(contexts), data.reviver);
const named = (name, minArgs, maxArgs, call) => ({ name, description: "", minArgs, maxArgs, call });
// as in a step of a job that has failed
const extensions = [
  named("success", 0, 0, () => new data.BooleanData(false)),
  named("failure", 0, 0, () => new data.BooleanData(true)),
  named("cancelled", 0, 0, () => new data.BooleanData(false)),
  named("always", 0, 0, () => new data.BooleanData(true)),
  named("hashFiles", 1, 255, (...args) => new data.StringData(args.map((one) => one.coerceString()).join("+"))),
];
const functions = new Map(extensions.map((one) => [one.name.toLowerCase(), one]));

function plain(value) {
  switch (value.kind) {
    case data.Kind.Null:
      return null;
    case data.Kind.Boolean:
    case data.Kind.String:
      return value.value;
    case data.Kind.Number:
      return { number: String(value.value) };
    case data.Kind.Array:
      return value.values().map(plain);
    default:
      return { object: value.pairs().map((pair) => [pair.key, plain(pair.value)]) };
  }
}

function answer(expression) {
  let tree;
  try {
    tree = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), extensions).parse();
    if (tree === undefined) {
      return { syntaxError: "nothing", position: null };
    }
  } catch (error) {
    const [, place] = / at position (\d+) within /.exec(error.message) ?? [null, null];
    const position = place ? Number(place) : error.pos && error.pos.line === 0 ? error.pos.column + 1 : null;
    return { syntaxError: error.message.slice(0, 60), position };
  }
  try {
    const value = new Evaluator(tree, world, functions).evaluate();
    return { value: plain(value), text: value.coerceString() };
  } catch (error) {
    return { error: error.message.slice(0, 60) };
  }
}

console.log(JSON.stringify(expressions.map(answer)));
