/**
 * `npm run generate [FOLDER]`: kinds of our own from their definitions; and where there is a folder that holds upstream's CRDs
 * by channel, types and schemas of the Gateway API kinds.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ownKindFiles } from './own-kinds.ts';
import { readCrds } from './read-crds.ts';
import { rulesText } from './rules.ts';
import { schemasText } from './schemas.ts';
import { typesText } from './types.ts';

const folder = process.argv[2] ?? join(homedir(), '.cache/gateway-testbed/crds/1.7');
const root = join(import.meta.dirname, '../..');
const target = join(root, 'src/model/schema');

for (const [path, text] of ownKindFiles()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

if (!existsSync(folder)) {
  console.error(`Kinds of our own are generated. For those of the Gateway API there is no folder ${folder}.`);
  process.exit(1);
}
const crds = readCrds(folder).filter(({ group }) => group === 'gateway.networking.k8s.io');
if (crds.length === 0) {
  console.error(`No CustomResourceDefinitions in ${join(folder, 'experimental')}.`);
  process.exit(1);
}
writeFileSync(join(target, 'types.generated.ts'), typesText(crds));
writeFileSync(join(target, 'schemas.json'), schemasText(crds));
writeFileSync(join(target, 'rules.generated.ts'), rulesText(crds));
