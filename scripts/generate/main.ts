/** `npm run generate [FOLDER]`: types and schemas of the Gateway API kinds, from a folder that holds upstream's CRDs by channel. */
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readCrds } from './read-crds.ts';
import { rulesText } from './rules.ts';
import { schemasText } from './schemas.ts';
import { typesText } from './types.ts';

const folder = process.argv[2] ?? join(homedir(), '.cache/gateway-testbed/crds/1.7');
const target = join(import.meta.dirname, '../../src/model/schema');

const crds = readCrds(folder).filter(({ group }) => group === 'gateway.networking.k8s.io');
if (crds.length === 0) {
  console.error(`No CustomResourceDefinitions in ${join(folder, 'experimental')}.`);
  process.exit(1);
}
writeFileSync(join(target, 'types.generated.ts'), typesText(crds));
writeFileSync(join(target, 'schemas.json'), schemasText(crds));
writeFileSync(join(target, 'rules.generated.ts'), rulesText(crds));
