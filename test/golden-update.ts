/** `npm run golden`: rewrites the expected outputs of the golden cases. Read the difference before you commit it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { compileManifests, factsOf, goldenCases, loadManifests, shortForm } from './golden.ts';

let written = 0;
for (const { inPath, outPath } of goldenCases()) {
  const text = shortForm(compileManifests(loadManifests(inPath), factsOf(inPath)));
  if (existsSync(outPath) && readFileSync(outPath, 'utf8') === text) continue;
  writeFileSync(outPath, text);
  console.log(outPath);
  written++;
}
console.log(`${written} outputs rewritten`);
